package token

import (
	"context"
	"crypto/ed25519"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/seal"
)

// The benchmarks measure against the bare operation of the standard library on
// the same bytes, in the same run: ns/op depends on the machine, x-bare does
// not. The bars are 1.15 for verifying and 1.20 for issuing, without the look-up
// in the store.

func BenchmarkVerify(b *testing.B) {
	w := newWorld(b)
	text := w.issue(w.both())
	f, err := split(text)
	require.NoError(b, err)
	input := []byte(f.input)
	sig, err := strict.DecodeString(f.signature)
	require.NoError(b, err)
	public := testPrivate(b).Public().(ed25519.PublicKey)
	raw, ctx := FromString(text), context.Background()

	bare := func() { ed25519.Verify(public, input, sig) }
	b.Run("claims", func(b *testing.B) {
		against(b, bare, func() error {
			_, err := w.tokens.open(raw.Reveal(), w.now)
			return err
		})
	})
	b.Run("without store", func(b *testing.B) {
		against(b, bare, func() error {
			c, err := w.tokens.open(raw.Reveal(), w.now)
			if err != nil {
				return err
			}
			f, err := w.tokens.facts(ctx, c)
			if err != nil {
				return err
			}
			_, err = symbolon.Seal(seal.Ours(), w.realm, f)
			return err
		})
	})
	b.Run("whole", func(b *testing.B) {
		against(b, bare, func() error {
			_, err := w.tokens.Verify(ctx, raw)
			return err
		})
	})
}

func BenchmarkIssue(b *testing.B) {
	w := newWorld(b)
	p := w.seal(w.both())
	f, err := split(w.issue(w.both()))
	require.NoError(b, err)
	input, private, ctx := []byte(f.input), testPrivate(b), context.Background()

	bare := func() { ed25519.Sign(private, input) }
	b.Run("without store", func(b *testing.B) {
		against(b, bare, func() error {
			c, _, err := w.tokens.claim(p)
			if err != nil {
				return err
			}
			_, err = w.tokens.sign(&c)
			return err
		})
	})
	b.Run("whole", func(b *testing.B) {
		against(b, bare, func() error {
			_, err := w.tokens.Issue(ctx, p)
			return err
		})
	})
}

// BenchmarkRefuse: what a sender without a key can make us do costs no more than
// one good verification.
func BenchmarkRefuse(b *testing.B) {
	w := newWorld(b)
	good := w.issue(w.both())
	_, payload := parts(b, good)
	f, err := split(good)
	require.NoError(b, err)
	for name, text := range map[string]string{
		"wrong signature":        f.input + "." + f.signature[1:] + "A",
		"long garbage":           string(slices.Repeat([]byte("A"), maxToken)),
		"header full of escapes": w.signed(`{"alg":"`+string(slices.Repeat([]byte(`\u0041`), 160))+`"}`, payload),
		"unknown kid":            w.signed(decode(b, writeHeader(header{alg: "EdDSA", kid: "someone", typ: "at+jwt"})), payload),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.tokens.open(text, w.now); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

// against runs rounds of the bare and of our operation in turn, and reports the
// median of their ratios.
func against(b *testing.B, bare func(), ours func() error) {
	const round = 20
	var ratios []float64
	var spent time.Duration
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		start := time.Now()
		if err := ours(); err != nil {
			b.Fatal(err)
		}
		spent += time.Since(start)
		if n++; n%round != 0 {
			continue
		}
		b.StopTimer()
		start = time.Now()
		for range round {
			bare()
		}
		ratios = append(ratios, float64(spent)/float64(time.Since(start)))
		spent = 0
		b.StartTimer()
	}
	if len(ratios) > 0 {
		slices.Sort(ratios)
		b.ReportMetric(ratios[len(ratios)/2], "x-bare")
	}
}
