package peers

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/token"
)

// theirClaims is our payload as golang-jwt reads and writes it.
type theirClaims struct {
	jwt.RegisteredClaims
	ClientID string `json:"client_id"`
	Act      struct {
		Sub string `json:"sub"`
	} `json:"act"`
	AMR      []string         `json:"amr"`
	AuthTime *jwt.NumericDate `json:"auth_time"`
	Sym      struct {
		V           int        `json:"v"`
		Tenant      string     `json:"tenant"`
		Actor       theirParty `json:"actor"`
		Subject     theirParty `json:"subject"`
		Interaction struct {
			ID           string `json:"id"`
			Leg          uint64 `json:"leg"`
			Verification string `json:"verification"`
			Channel      string `json:"channel"`
			Opened       int64  `json:"opened"`
		} `json:"interaction"`
	} `json:"sym"`
}

type theirParty struct {
	Session string `json:"session,omitempty"`
	Epoch   uint64 `json:"epoch"`
	Proofs  []struct {
		By  string `json:"by"`
		At  int64  `json:"at"`
		In  string `json:"in,omitempty"`
		For string `json:"for,omitempty"`
	} `json:"proofs"`
}

func theirParser() *jwt.Parser {
	return jwt.NewParser(jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithIssuer("crm"), jwt.WithAudience("crm-api"),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithStrictDecoding())
}

// theirs verifies one of our tokens with golang-jwt, its key chosen by kid.
func theirs(p *jwt.Parser, keys map[string]ed25519.PublicKey, text string) (*theirClaims, error) {
	var c theirClaims
	_, err := p.ParseWithClaims(text, &c, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		k, ok := keys[kid]
		if !ok || t.Header["typ"] != "at+jwt" {
			return nil, errors.New("no such key or kind")
		}
		return k, nil
	})
	return &c, err
}

func (w world) issue(t testing.TB) string {
	t.Helper()
	raw, err := w.tokens.Issue(context.Background(), w.both)
	require.NoError(t, err)
	return raw.Reveal()
}

func (w world) keys(t testing.TB) map[string]ed25519.PublicKey {
	t.Helper()
	k, err := token.KeyFrom(w.private)
	require.NoError(t, err)
	return map[string]ed25519.PublicKey{k.Public().ID(): w.private.Public().(ed25519.PublicKey)}
}

// TestTheyReadOurs: a token of ours is a JWT to others, and means the same.
func TestTheyReadOurs(t *testing.T) {
	w := newWorld(t)
	c, err := theirs(theirParser(), w.keys(t), w.issue(t))
	require.NoError(t, err)
	require.Equal(t, "cust-42", c.Subject)
	require.Equal(t, "mia", c.Act.Sub)
	require.Equal(t, []string{"sms"}, c.AMR)
	require.Equal(t, "pwd", c.Sym.Actor.Proofs[0].By)
	require.Equal(t, "sim.change", c.Sym.Subject.Proofs[0].For)
}

// TestWeReadTheirs: the same claims, written and signed by golang-jwt.
func TestWeReadTheirs(t *testing.T) {
	w := newWorld(t)
	keys := w.keys(t)
	c, err := theirs(theirParser(), keys, w.issue(t))
	require.NoError(t, err)
	p, err := w.tokens.Verify(context.Background(), token.FromString(theirIssue(t, w, keys, c)))
	require.NoError(t, err)
	require.Equal(t, "mia for cust-42", p.String())
}

func theirIssue(t testing.TB, w world, keys map[string]ed25519.PublicKey, c *theirClaims) string {
	j := jwt.NewWithClaims(jwt.SigningMethodEdDSA, c)
	j.Header["typ"] = "at+jwt"
	for kid := range keys {
		j.Header["kid"] = kid
	}
	text, err := j.SignedString(w.private)
	require.NoError(t, err)
	return text
}

func BenchmarkVerify(b *testing.B) {
	w := newWorld(b)
	text, keys, parser := w.issue(b), w.keys(b), theirParser()
	dot := strings.LastIndexByte(text, '.')
	input := []byte(text[:dot])
	sig, err := base64.RawURLEncoding.DecodeString(text[dot+1:])
	require.NoError(b, err)
	public, raw := w.private.Public().(ed25519.PublicKey), token.FromString(text)
	bare := func() { ed25519.Verify(public, input, sig) }

	b.Run("golang-jwt", func(b *testing.B) {
		against(b, bare, func() error { _, err := theirs(parser, keys, text); return err })
	})
	b.Run("symbolon with liveness", func(b *testing.B) {
		against(b, bare, func() error { _, err := w.tokens.Verify(context.Background(), raw); return err })
	})
}

func BenchmarkIssue(b *testing.B) {
	w := newWorld(b)
	text, keys := w.issue(b), w.keys(b)
	c, err := theirs(theirParser(), keys, text)
	require.NoError(b, err)
	input := []byte(text[:strings.LastIndexByte(text, '.')])
	bare := func() { ed25519.Sign(w.private, input) }

	b.Run("golang-jwt", func(b *testing.B) {
		against(b, bare, func() error { theirIssue(b, w, keys, c); return nil })
	})
	b.Run("symbolon with liveness", func(b *testing.B) {
		against(b, bare, func() error { _, err := w.tokens.Issue(context.Background(), w.both); return err })
	})
}

// against runs rounds of the bare and of another operation in turn, and reports
// the median of their ratios.
func against(b *testing.B, bare func(), other func() error) {
	const round = 20
	var ratios []float64
	var spent time.Duration
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		start := time.Now()
		if err := other(); err != nil {
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
