package token

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// collect reads an object of texts, numbers and anything else.
func collect(text string) (map[string]any, error) {
	m := map[string]any{}
	err := scan(text, func(s *scanner, name string) (err error) {
		switch c := s.next(); {
		case c == '"':
			m[name], err = s.string()
		case '0' <= c && c <= '9':
			m[name], err = s.integer(1<<64 - 1)
		default:
			err = s.skip()
		}
		return err
	})
	return m, err
}

func TestScan(t *testing.T) {
	for _, c := range []struct {
		text    string
		good    bool
		because string
	}{
		{`{}`, true, "nothing is said"},
		{" {\n\t\"a\" : 1 ,\r\"b\":\"x\" } ", true, "white space is free"},
		{`{"a":"\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00"}`, true, "every escape"},
		{`{"a":"é😀"}`, true, "UTF-8"},
		{`{"a":{"b":[[],{},"x",-1.5e-7,0,true,false,null]}}`, true, "what is skipped"},
		{`{"a":18446744073709551615}`, true, "the largest number that we keep"},
		{`{"a":18446744073709551616}`, false, "one more"},
		{``, false, "empty"},
		{`[]`, false, "no object"},
		{`{`, false, "cut"},
		{`{"a"`, false, "cut"},
		{`{"a":`, false, "cut"},
		{`{"a":"`, false, "cut"},
		{`{"a":"\`, false, "cut"},
		{`{"a":"\u00`, false, "cut"},
		{`{"a":1`, false, "cut"},
		{`{"a":1}}`, false, "something after"},
		{`{"a":1}{}`, false, "something after"},
		{`{"a":1,}`, false, "a comma before nothing"},
		{`{,"a":1}`, false, "a comma after nothing"},
		{`{"a":1 "b":2}`, false, "no comma"},
		{`{"a" 1}`, false, "no colon"},
		{`{a:1}`, false, "a bare name"},
		{`{'a':1}`, false, "another quote"},
		{`{"a":1,"a":1}`, false, "a duplicate"},
		{`{"a":1,"\u0061":1}`, false, "a duplicate in another spelling"},
		{`{"x":{"a":1,"a":1}}`, false, "a duplicate in what is skipped"},
		{`{"x":[{"a":1,"a":1}]}`, false, "a duplicate in what is skipped"},
		{"{\"a\":\"\n\"}", false, "a raw control character"},
		{"{\"a\":\"\xff\"}", false, "broken UTF-8"},
		{"{\"a\":\"\xed\xa0\x80\"}", false, "a surrogate in UTF-8"},
		{`{"a":"\ud800"}`, false, "half a pair"},
		{`{"a":"\ud800\u0041"}`, false, "half a pair"},
		{`{"a":"\ude00\ud83d"}`, false, "a pair the wrong way round"},
		{`{"a":"\x41"}`, false, "no such escape"},
		{`{"a":"\u+041"}`, false, "no such digit"},
		{`{"a":01}`, false, "a leading zero"},
		{`{"a":+1}`, false, "a plus"},
		{`{"a":1.0}`, false, "a fraction"},
		{`{"a":1e3}`, false, "an exponent"},
		{`{"a":1.}`, false, "a dot before nothing"},
		{`{"a":-}`, false, "a sign before nothing"},
		{`{"a":NaN}`, false, "no number"},
		{`{"a":tru}`, false, "no word"},
		{"{\"a\":1}\x00", false, "a NUL after"},
		{`{"a":` + strings.Repeat("[", 7) + strings.Repeat("]", 7) + `}`, true, "eight deep"},
		{`{"a":` + strings.Repeat("[", 8) + strings.Repeat("]", 8) + `}`, false, "nine deep"},
		{`{"a":` + strings.Repeat("[", 100000), false, "deep enough to exhaust a stack"},
		{`{"a":[` + strings.Repeat("1,", 63) + `1]}`, true, "64 elements"},
		{`{"a":[` + strings.Repeat("1,", 64) + `1]}`, false, "65 elements"},
	} {
		got, err := collect(c.text)
		require.Equal(t, c.good, err == nil, "%s: %s: %v", c.because, c.text, err)
		if c.good {
			sameAsStandard(t, c.text, got)
		}
	}
}

// sameAsStandard holds what our scanner took against encoding/json: whatever we
// accept, it must accept, and read the same.
func sameAsStandard(t testing.TB, text string, got map[string]any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var want map[string]any
	require.NoError(t, d.Decode(&want), "%q", text)
	for name, v := range got {
		switch v := v.(type) {
		case string:
			require.Equal(t, want[name], v, "%q", text)
		case uint64:
			require.Equal(t, want[name], json.Number(asJSON(t, v)), "%q", text)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add(`{"a":"\ud83d\ude00","b":1,"c":[{"d":null}]}`)
	f.Add(`{"a":1,"a":2}`)
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := collect(text); err == nil {
			sameAsStandard(t, text, got)
		}
	})
}

// FuzzVerify: whatever arrives gives a Principal or the one answer, and what
// gives a Principal is spelled in the one way.
func FuzzVerify(f *testing.F) {
	w := newWorld(f)
	for _, good := range []string{w.issue(w.alone()), w.issue(w.both())} {
		header, payload := parts(f, good)
		f.Add(header, payload, true)
		f.Add(good, "", false)
		f.Add(good[:len(good)-1], "", false)
		f.Add(header, strings.Replace(payload, `"act"`, `"act":{"sub":"tom"},"act"`, 1), true)
		f.Add(strings.Replace(header, `}`, `,"crit":["exp"]}`, 1), payload, true)
	}
	f.Add("..", "", false)
	f.Add(`{"payload":"","signatures":[]}`, "", false)
	f.Fuzz(func(t *testing.T, a, b string, sign bool) {
		w.t = t
		text := a
		if sign { // reach what lies behind the signature
			text = w.signed(a, b)
		}
		got, err := w.verify(text)
		if err != nil {
			refused(t, err, "")
			return
		}
		header, payload := parts(t, text)
		require.Equal(t, text, w.signed(header, payload), "Ed25519 and base64url each have one spelling")
		require.Equal(t, "mia", string(got.Actor.ID))
		require.Contains(t, []string{"", "cust-42"}, got.Stamps.Subject)
	})
}
