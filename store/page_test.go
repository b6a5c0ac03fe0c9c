package store

import (
	"math"
	"testing"
)

func TestPageSizeStaysWithinBounds(t *testing.T) {
	for limit, want := range map[int]int{
		math.MinInt: DefaultPage, -1: DefaultPage, 0: DefaultPage, 1: 1, DefaultPage: DefaultPage,
		MaxPage - 1: MaxPage - 1, MaxPage: MaxPage, MaxPage + 1: MaxPage, math.MaxInt: MaxPage,
	} {
		if got := (Page{Limit: limit}).Size(); got != want {
			t.Errorf("a limit of %d reads %d items, want %d", limit, got, want)
		}
	}
}
