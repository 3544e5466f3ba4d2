package token

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

// AU-03: TestNothingPrints tries every way in which a token or a key ends up in a log
// by accident, also within structs that know nothing of it.
func TestNothingPrints(t *testing.T) {
	w := newWorld(t)
	const canary = "canary-that-must-not-sing"
	raw, key := FromString(canary), w.key
	private := testPrivate(t)
	secrets := []string{"canary", hex.EncodeToString([]byte(canary))[:12], fmt.Sprint([]byte(canary))[1:20]}
	for _, b := range [][]byte{private.Seed(), private[:8]} {
		secrets = append(secrets, strict.EncodeToString(b)[:8], hex.EncodeToString(b)[:12], fmt.Sprint(b)[1:16], string(b[:6]))
	}
	type inner struct {
		raw Raw
		key Key
	}
	type outer struct {
		Raw    Raw
		Key    Key
		hidden inner
		far    *inner
		any    any
		Map    map[string]Raw
		Slice  []Key
	}
	o := outer{raw, key, inner{raw, key}, &inner{raw, key}, raw, map[string]Raw{"a": raw}, []Key{key}}
	silent := func(text, how string) {
		t.Helper()
		for _, s := range secrets {
			require.NotContains(t, text, s, how)
		}
	}
	for _, value := range []any{raw, &raw, key, &key, o, &o, []any{raw, key}, w.tokens, *w.tokens, w.tokens.config} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%o", "%c", "%U", "%t", "%p", "%10s", "%w"} {
			silent(fmt.Sprintf(verb, value), verb)
		}
		silent(fmt.Sprint(value), "Sprint")
		silent(fmt.Errorf("wrapped: %v", value).Error(), "Errorf")
		var b bytes.Buffer
		for _, h := range []slog.Handler{slog.NewJSONHandler(&b, nil), slog.NewTextHandler(&b, nil)} {
			slog.New(h).Info("a request", "value", value, slog.Group("g", "value", value))
		}
		silent(b.String(), "slog")
		text, _ := json.Marshal(value)
		silent(string(text), "JSON")
		text, _ = xml.Marshal(value)
		silent(string(text), "XML")
	}
	for _, value := range []any{raw, key, &o, map[string]any{"token": raw}} {
		_, err := json.Marshal(value)
		require.Error(t, err, "an omission would be found later; an error is found now")
	}
	require.Equal(t, "REDACTED", fmt.Sprint(raw))
	require.Equal(t, "key "+key.Public().ID(), fmt.Sprint(key))
	require.Equal(t, canary, raw.Reveal())
	require.Empty(t, Raw{}.Reveal())
}
