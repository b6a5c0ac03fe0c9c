package pipeline

import (
	"testing"
)

// stage runs one stage over and over on a check that has come that far.
func stage(b *testing.B, w *world, prepare func(p *Pipeline, c *check), run func(p *Pipeline, c *check) Reason, want Reason) {
	b.Helper()
	p := w.pipeline(b)
	c := check{r: &w.request, d: &w.decision, now: noon}
	for _, before := range []func(*check) Reason{p.read, p.client} {
		if reason := before(&c); reason != ReasonNone {
			b.Fatal(reason)
		}
	}
	if prepare != nil {
		prepare(p, &c)
	}
	b.ReportAllocs()
	for b.Loop() {
		if reason := run(p, &c); reason != want {
			b.Fatalf("decided %v, want %v", reason, want)
		}
	}
}

func BenchmarkStageClient(b *testing.B) {
	b.Run("peer", func(b *testing.B) {
		stage(b, busy(b), nil, (*Pipeline).client, ReasonNone)
	})
	b.Run("xff", func(b *testing.B) {
		w := busy(b)
		w.options.Client = ClientOptions{Source: "xff", TrustedHops: 1}
		stage(b, w, nil, (*Pipeline).client, ReasonNone)
	})
}

func BenchmarkStageBlacklist(b *testing.B) {
	stage(b, busy(b), nil, (*Pipeline).blacklist, ReasonNone)
}

func BenchmarkStageExtract(b *testing.B) {
	stage(b, busy(b), nil, (*Pipeline).extract, ReasonNone)
}

func BenchmarkStageVerifyCached(b *testing.B) {
	ctx := b.Context()
	stage(b, busy(b), func(p *Pipeline, c *check) { p.extract(c) },
		func(p *Pipeline, c *check) Reason { return p.verify(ctx, c) }, ReasonNone)
}

func BenchmarkStageVerifyRefused(b *testing.B) {
	ctx := b.Context()
	w := busy(b)
	last := len(w.text) - 1
	flipped := byte('0')
	if w.text[last] == flipped {
		flipped = '1'
	}
	w.header("x-api-key", w.text[:last]+string(flipped))
	stage(b, w, func(p *Pipeline, c *check) { p.extract(c) },
		func(p *Pipeline, c *check) Reason { return p.verify(ctx, c) }, ReasonMalformedKey)
}

func BenchmarkStageState(b *testing.B) {
	w := busy(b)
	stage(b, w, func(_ *Pipeline, c *check) { c.d.Key = w.key }, (*Pipeline).state, ReasonNone)
}

func BenchmarkStageAuthorize(b *testing.B) {
	w := busy(b)
	stage(b, w, func(_ *Pipeline, c *check) { c.d.Key = w.key }, (*Pipeline).authorize, ReasonNone)
}

// BenchmarkStageLimit is what the pipeline adds; the arithmetic of the limits
// has benchmarks of its own where it lives.
func BenchmarkStageLimit(b *testing.B) {
	ctx := b.Context()
	w := busy(b)
	stage(b, w, func(_ *Pipeline, c *check) { c.d.Key = w.key },
		func(p *Pipeline, c *check) Reason { return p.limit(ctx, c) }, ReasonAllowed)
}

func BenchmarkDecide(b *testing.B) {
	w := busy(b)
	p := w.pipeline(b)
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		p.Decide(ctx, &w.request, &w.decision)
	}
	if w.decision.Reason != ReasonAllowed {
		b.Fatal(w.decision.Reason)
	}
}
