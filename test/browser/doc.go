// Package browser has no code: its tests look at reports and at the page of the
// API in a real Chromium, on a screen and, reports, on paper. They promise what a person would see at once: that
// nothing runs off the page, that the drawings are there, that paper is white,
// and that the page asks nobody for anything.
package browser
