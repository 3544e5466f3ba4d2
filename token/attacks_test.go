package token

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// TestNamedAttacks is what others have fallen for. Most of the tokens are signed
// with our own key, so that nothing but the named rule stops them; all of them
// get one and the same answer (TK-19).
func TestNamedAttacks(t *testing.T) {
	w := newWorld(t)
	good := w.issue(w.both())
	for !strings.ContainsAny(good, "-_") { // one that reads differently in the other alphabet
		good = w.issue(w.both())
	}
	header, payload := parts(t, good)
	f, err := split(good)
	require.NoError(t, err)
	segments := strings.Split(good, ".")
	replaceHeader := func(old, new string) string {
		require.Contains(t, header, old)
		return w.signed(strings.Replace(header, old, new, 1), payload)
	}
	replacePayload := func(old, new string) string {
		require.Contains(t, payload, old)
		return w.signed(header, strings.Replace(payload, old, new, 1))
	}
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	attackers, err := KeyFrom(private)
	require.NoError(t, err)

	for _, c := range []struct {
		attack string
		tokens []string
		reason string
	}{
		// TK-03: the algorithm is the key's, matched by case.
		{"alg none", []string{
			replaceHeader(`"EdDSA"`, `"none"`),
			replaceHeader(`"EdDSA"`, `"noNE"`),
			strict.EncodeToString([]byte(strings.Replace(header, "EdDSA", "none", 1))) + "." + f.payload + ".",
		}, "alg"},
		{"no signature", []string{f.input + "."}, "does not hold"},
		{"another algorithm", []string{
			replaceHeader(`"EdDSA"`, `"ES256"`),
			replaceHeader(`"EdDSA"`, `"RS256"`),
			replaceHeader(`"EdDSA"`, `"eddsa"`),
			replaceHeader(`"EdDSA"`, `""`),
			replaceHeader(`"alg":"EdDSA",`, ``),
		}, "alg"},
		{"the public key as the secret of HS256", []string{
			mac(t, strings.Replace(header, "EdDSA", "HS256", 1), payload),
		}, "alg"},
		{"the public key as the secret, under the right alg", []string{mac(t, header, payload)}, "does not hold"},
		// TK-10: a header that changes what the rest means.
		{"crit", []string{
			replaceHeader(`}`, `,"crit":["exp"]}`),
			replaceHeader(`}`, `,"crit":[],"exp":1}`),
			replaceHeader(`}`, `,"crit":["b64"],"b64":false}`),
			replaceHeader(`}`, `,"b64":false}`),
		}, "a member that is not"},
		// TK-04: a header that brings its own key, signed with that key.
		{"jwk and its kin", []string{
			signedWith(t, attackers, strings.Replace(header, `}`, `,"jwk":{"kty":"OKP","crv":"Ed25519","x":"`+strict.EncodeToString(public)+`"}}`, 1), payload),
			replaceHeader(`}`, `,"jku":"https://evil.example/keys"}`),
			replaceHeader(`}`, `,"x5u":"https://evil.example/chain"}`),
			replaceHeader(`}`, `,"x5c":["MIIB"]}`),
		}, "a member that is not"},
		{"a key of one's own under our kid", []string{signedWith(t, attackers, header, payload)}, "does not hold"},
		{"zip", []string{replaceHeader(`}`, `,"zip":"DEF"}`)}, "a member that is not"},
		// TK-08: one token has one spelling.
		{"respelled base64", []string{
			good + "=", good + "==",
			strings.NewReplacer("-", "+", "_", "/").Replace(good),
			good + "\n", good[:30] + "\r\n" + good[30:], " " + good,
		}, "not three parts"},
		{"respelled base64, in the bits that carry nothing", []string{f.input + "." + segments[2][:85] + other(segments[2][85])}, "canonical"},
		{"JSON serialization", []string{
			asJSON(t, map[string]any{"protected": segments[0], "payload": segments[1], "signature": segments[2]}),
			asJSON(t, map[string]any{"payload": segments[1], "signatures": []any{map[string]any{"protected": segments[0], "signature": segments[2]}}}),
		}, "not three parts"},
		{"parts too few and too many", []string{
			"", ".", "..", "...", segments[0], f.input, "." + f.input, good + ".", good + "." + segments[2], segments[0] + ".." + segments[2],
		}, ""},
		{"a token within a token", []string{w.signed(header, good)}, "not the strict JSON"},
		// TK-09: a member named twice, also by another spelling.
		{"duplicate member", []string{
			replacePayload(`"sub":"cust-42"`, `"sub":"cust-42","sub":"cust-43"`),
			replacePayload(`"sub":"cust-42"`, `"sub":"cust-42","s\u0075b":"cust-43"`),
			replacePayload(`"sub":"cust-42"`, `"sub":"cust-42","x":1,"x":1`),
			replacePayload(`{"sub":"mia"}`, `{"sub":"mia","sub":"tom"}`),
			replacePayload(`"leg":2`, `"leg":2,"leg":3`),
			replacePayload(`"sub":"cust-42"`, `"sub":"cust-42","x":{"y":[{"z":1,"z":2}]}`),
		}, "not the strict JSON"},
		{"duplicate member of the header", []string{
			replaceHeader(`"alg"`, `"alg":"none","alg"`), replaceHeader(`}`, `,"typ":"at+jwt"}`),
		}, "header: not strict JSON"},
		// TK-01, TK-16: typ says what it is, exactly.
		{"wrong typ", []string{
			replaceHeader(`"at+jwt"`, `"JWT"`), replaceHeader(`"at+jwt"`, `"AT+JWT"`), replaceHeader(`"at+jwt"`, `""`),
			replaceHeader(`"at+jwt"`, `"logout+jwt"`), replaceHeader(`"at+jwt"`, `"dpop+jwt"`), replaceHeader(`"at+jwt"`, `"secevent+jwt"`),
			replaceHeader(`,"typ":"at+jwt"`, ``),
		}, "a typ that is not ours"},
		// TK-06: for us, by name.
		{"wrong audience", []string{
			replacePayload(`"aud":"crm-api"`, `"aud":"billing"`), replacePayload(`"aud":"crm-api"`, `"aud":["billing","crm-ap"]`),
			replacePayload(`"aud":"crm-api"`, `"aud":"CRM-API"`), replacePayload(`"aud":"crm-api"`, `"aud":"crm-api/"`),
		}, "another audience"},
		{"no audience", []string{replacePayload(`"aud":"crm-api",`, ``), replacePayload(`"aud":"crm-api"`, `"aud":[]`)}, "missing"},
		// TK-05: iss is compared exactly.
		{"wrong issuer", []string{
			replacePayload(`"iss":"crm"`, `"iss":"crm/"`), replacePayload(`"iss":"crm"`, `"iss":"CRM"`), replacePayload(`"iss":"crm"`, `"iss":"other"`),
		}, "another issuer"},
		// TK-31, TK-32: act is one employee and nothing else.
		{"nested actor", []string{
			replacePayload(`{"sub":"mia"}`, `{"sub":"mia","act":{"sub":"admin"}}`),
			replacePayload(`{"sub":"mia"}`, `{"act":{"sub":"mia"}}`),
			replacePayload(`{"sub":"mia"}`, `{"sub":"mia","exp":1}`),
			replacePayload(`{"sub":"mia"}`, `{"sub":"mia","aud":"crm-api"}`),
			replacePayload(`{"sub":"mia"}`, `{"sub":"mia","roles":["admin"]}`),
		}, "act names more"},
		{"nobody acts", []string{replacePayload(`{"sub":"mia"}`, `{"sub":""}`), replacePayload(`{"sub":"mia"}`, `{}`)}, "another kind"},
		{"act is no object", []string{replacePayload(`{"sub":"mia"}`, `"mia"`), replacePayload(`{"sub":"mia"}`, `["mia"]`), replacePayload(`{"sub":"mia"}`, `null`)}, "not the strict JSON"},
		// TK-30: the customer does not act for the employee.
		{"swapped roles", []string{
			w.signed(header, strings.NewReplacer(`"cust-42"`, `"mia"`, `"mia"`, `"cust-42"`).Replace(payload)),
		}, "unknown or disabled"},
		// TK-112: a bound token is no bearer token.
		{"cnf", []string{replacePayload(`"act"`, `"cnf":{"jkt":"0ZcOCORZNYy"},"act"`)}, "bound to a key"},
		// TK-17: kid is a name in a map and nothing else.
		{"kid", []string{
			replaceHeader(w.key.Public().ID(), "../../etc/passwd"), replaceHeader(w.key.Public().ID(), "' OR '1'='1"),
			replaceHeader(w.key.Public().ID(), "*)(uid=*"), replaceHeader(w.key.Public().ID(), strings.Repeat("k", 129)),
			replaceHeader(w.key.Public().ID(), ""), replaceHeader(`"kid":"`+w.key.Public().ID()+`",`, ``),
		}, "kid"},
		{"a kid of a megabyte", []string{replaceHeader(w.key.Public().ID(), strings.Repeat("k", 1<<20))}, "too long"},
		{"a header of two kilobytes", []string{replaceHeader(`}`, `,"x":"`+strings.Repeat("x", 2000)+`"}`)}, "header: too long"},
		{"numbers that are not whole", []string{
			replacePayload(`"exp":`, `"exp":1.`), replacePayload(`"exp":`, `"exp":-`), replacePayload(`"exp":`, `"exp":0`),
			replacePayload(`"exp":`, `"exp":9999999999`), replacePayload(`"leg":2`, `"leg":2e0`), replacePayload(`"leg":2`, `"leg":2.0`),
			replacePayload(`"exp":`+unix(start.Add(5*time.Minute)), `"exp":"`+unix(start.Add(5*time.Minute))+`"`),
			replacePayload(`"leg":2`, `"leg":18446744073709551616`),
		}, "not the strict JSON"},
		{"sym of another version", []string{replacePayload(`"v":1`, `"v":2`), replacePayload(`"v":1,`, ``)}, "version"},
		{"a member of sym that may forbid something", []string{
			replacePayload(`"v":1`, `"v":1,"only":"reads"`), replacePayload(`"leg":2`, `"leg":2,"until":5`),
			replacePayload(`"by":"sms"`, `"by":"sms","void":true`), replacePayload(`"session"`, `"suspended":true,"session"`),
			replacePayload(`"subject":{`, `"subject":{"blocked":true,`),
		}, "does not know"},
		{"a proof without its parts", []string{
			replacePayload(`"by":"sms",`, ``), replacePayload(`"by":"sms"`, `"by":""`),
			replacePayload(`"at":`+unix(start.Add(-10*time.Second))+`,`, ``),
		}, "a proof without"},
		{"a proof at the beginning of time", []string{replacePayload(`"at":`+unix(start.Add(-10*time.Second)), `"at":0`)}, "not the strict JSON"},
		{"a proof of another call", []string{replacePayload(`"in":"i-1"`, `"in":"i-2"`), replacePayload(`"in":"i-1",`, ``)}, "contradict"},
		{"another session, another call", []string{
			replacePayload(`"s/1"`, `"s/2"`), replacePayload(`"epoch":3`, `"epoch":2`), replacePayload(`"leg":2`, `"leg":1`),
			replacePayload(`"v-1"`, `"v-2"`),
		}, "not live"},
		{"a verification without a name", []string{replacePayload(`"v-1"`, `""`)}, "contradict"},
		{"nothing proved", []string{
			replacePayload(`[{"by":"pwd","at":`+unix(start.Add(-time.Hour))+`}]`, `[]`),
			replacePayload(`[{"by":"sms","at":`+unix(start.Add(-10*time.Second))+`,"in":"i-1","for":"sim.change"}]`, `[]`),
		}, "contradict"},
		{"nonsense", []string{
			"garbage", strings.Repeat("A", 9000), strings.Repeat(".", 9000), "Bearer " + good, good[:len(good)/2], good + good,
			w.signed(header, `null`), w.signed(header, `[]`), w.signed(header, ``), w.signed(header, payload+"x"), w.signed(header, payload+payload),
			w.signed(header, strings.Repeat("[", 3000)), w.signed(header, "\xff"+payload), w.signed("null", payload), w.signed("", payload),
		}, ""},
	} {
		for i, text := range c.tokens {
			_, err := w.verify(text)
			refused(t, err, c.reason, fmt.Sprintf("%s, %d", c.attack, i))
		}
	}
	_, err = w.verify(good)
	require.NoError(t, err, "the token that all of them were made from")
}

// TK-01, TK-03, TK-06: what else a correct issuer may write.
func TestOtherSpellingsThatAreRight(t *testing.T) {
	w := newWorld(t)
	header, payload := parts(t, w.issue(w.both()))
	for _, text := range []string{
		w.signed(strings.Replace(header, `"at+jwt"`, `"application/at+jwt"`, 1), payload),
		w.signed(strings.Replace(header, `"EdDSA"`, `"Ed25519"`, 1), payload), // RFC 9864
		w.signed(" "+header+"\n", payload),
		w.signed(header, strings.Replace(payload, `"crm-api"`, `["billing","crm-api"]`, 1)),
		w.signed(header, strings.Replace(payload, `"act"`, `"scope":"a b","x":{"y":[1,-2.5e+3,true,false,null,"\ud83d\ude00"]},"act"`, 1)),
		w.signed(header, strings.Replace(payload, `"cust-42"`, `"cust\u002d42"`, 1)),
	} {
		_, err := w.verify(text)
		require.NoError(t, err)
	}
}

// TestLength: a token of 8 KiB passes, and the next longer one does not.
func TestLength(t *testing.T) {
	w := newWorld(t)
	header, payload := parts(t, w.issue(w.both()))
	padded := func(n int) string {
		return w.signed(header, strings.Replace(payload, `"act"`, `"x":"`+strings.Repeat("x", n)+`","act"`, 1))
	}
	n := 0
	for len(padded(n+1)) <= maxToken {
		n++
	}
	_, err := w.verify(padded(n))
	require.NoError(t, err)
	_, err = w.verify(padded(n + 1))
	refused(t, err, "too long")
}

// TK-02: every claim that an access token has is needed.
func TestMissingClaims(t *testing.T) {
	w := newWorld(t)
	for _, text := range []string{w.issue(w.both()), w.issue(w.alone())} {
		header, payload := parts(t, text)
		var all map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(payload), &all))
		require.Len(t, all, len(strings.Split("iss sub aud client_id iat exp jti amr auth_time sym", " "))+strings.Count(payload, `"act"`))
		for _, name := range slices.Sorted(maps.Keys(all)) {
			value := all[name]
			delete(all, name)
			_, err := w.verify(w.signed(header, asJSON(t, all)))
			if name == "amr" || name == "auth_time" {
				require.NoError(t, err, "for other readers only")
			} else {
				refused(t, err, "claims", "without "+name)
				all[name] = json.RawMessage(`""`)
				_, err = w.verify(w.signed(header, asJSON(t, all)))
				refused(t, err, "claims", "empty "+name)
			}
			all[name] = value
		}
		_, err := w.verify(w.signed(header, asJSON(t, all)))
		require.NoError(t, err)
	}
}

// TestMutations changes the first, the middle and the last byte of each part,
// and the bits of its last character that carry nothing.
func TestMutations(t *testing.T) {
	w := newWorld(t)
	mutations := 0
	for _, good := range []string{w.issue(w.both()), w.issue(w.alone())} {
		segments := strings.Split(good, ".")
		for i, segment := range segments {
			for _, at := range []int{0, len(segment) / 2, len(segment) - 1} {
				for _, c := range "ABCxyz019-_=+/.~\x00\n" {
					changed := segment[:at] + string(c) + segment[at+1:]
					if changed == segment {
						continue
					}
					m := append([]string(nil), segments...)
					m[i] = changed
					_, err := w.verify(strings.Join(m, "."))
					refused(t, err, "", fmt.Sprintf("part %d, byte %d, %q", i, at, c))
					mutations++
				}
			}
			unused := len(segment) * 6 % 8
			if unused == 0 {
				continue
			}
			last := strings.IndexByte(alphabet, segment[len(segment)-1])
			for bits := 1; bits < 1<<unused; bits++ {
				m := append([]string(nil), segments...)
				m[i] = segment[:len(segment)-1] + string(alphabet[last^bits])
				_, err := w.verify(strings.Join(m, "."))
				refused(t, err, "", fmt.Sprintf("part %d, unused bits %b", i, bits))
				if i < 2 { // even where the signature holds
					sig, err := w.key.key.Sign([]byte(m[0] + "." + m[1]))
					require.NoError(t, err)
					m[2] = strict.EncodeToString(sig)
				}
				_, err = w.verify(strings.Join(m, "."))
				refused(t, err, "canonical", fmt.Sprintf("part %d, unused bits %b", i, bits))
				lenient, err := base64.RawURLEncoding.DecodeString(m[i])
				require.NoError(t, err)
				exact, err := base64.RawURLEncoding.DecodeString(segment)
				require.NoError(t, err)
				require.Equal(t, exact, lenient, "a lenient reader sees no difference")
				mutations++
			}
		}
	}
	require.Greater(t, mutations, 300)
}

// TK-16: a token of the one kind under the typ of the other, for each pair.
func TestKinds(t *testing.T) {
	w := newWorld(t)
	made := map[kind]string{employee: w.issue(w.alone()), composite: w.issue(w.both())}
	for is, text := range made {
		_, payload := parts(t, text)
		for says := range made {
			_, err := w.verify(w.signed(decode(t, headerFor(w.key.Public(), says)), payload))
			if is == says {
				require.NoError(t, err)
			} else {
				refused(t, err, "another kind", fmt.Sprintf("%s as %s", typs[is], typs[says]))
			}
		}
		for _, typ := range []string{"JWT", "jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", "txntoken+jwt", "token-introspection+jwt", "application/symbolon-employee+jwt"} {
			h := writeHeader(header{alg: "EdDSA", kid: w.key.Public().ID(), typ: typ})
			_, err := w.verify(w.signed(decode(t, h), payload))
			refused(t, err, "typ", typ)
		}
	}
}

// TK-05, S20: two tenants, two issuers and both kinds, all with one key and in one
// store, which is the worst that a host can configure: only the diagonal passes.
func TestTenantsAndIssuers(t *testing.T) {
	type place struct{ tenant, issuer string }
	store, key := memory.New(), testKey(t)
	places := []place{{"acme", "crm"}, {"acme", "crm/"}, {"bolt", "crm"}, {"bolt", "crm/"}}
	worlds := map[place]*world{}
	for _, p := range places {
		c := config(key)
		c.Issuer = p.issuer
		worlds[p] = newWorldOn(t, store, p.tenant, c, nil)
	}
	for _, from := range places {
		w := worlds[from]
		for _, text := range []string{w.issue(w.alone()), w.issue(w.both())} {
			for _, to := range places {
				_, err := worlds[to].verify(text)
				if from == to {
					require.NoError(t, err)
				} else {
					refused(t, err, "claims: another", fmt.Sprintf("%v to %v", from, to))
				}
			}
		}
	}
}

// S17: two engines in one process are two realms, even over one store.
func TestRealms(t *testing.T) {
	here := newWorld(t)
	there := newWorldOn(t, here.store, "acme", config(here.key), nil)
	p, err := here.tokens.Verify(context.Background(), FromString(here.issue(here.both())))
	require.NoError(t, err)
	_, err = there.tokens.Issue(context.Background(), p)
	require.ErrorContains(t, err, "another realm")
	_, err = there.verify(here.issue(here.both()))
	require.NoError(t, err, "a token travels; a Principal does not")
}

// TK-23: one Authorization header, and never the query.
func TestVerifyRequest(t *testing.T) {
	w := newWorld(t)
	text := w.issue(w.both())
	for _, c := range []struct {
		because string
		fields  []string
		good    bool
	}{
		{"a bearer token", []string{"Bearer " + text}, true},
		{"schemes have no case", []string{"bEARER " + text}, true},
		{"no header", nil, false},
		{"an empty header", []string{""}, false},
		{"no token", []string{"Bearer"}, false},
		{"no token", []string{"Bearer "}, false},
		{"no scheme", []string{text}, false},
		{"another scheme", []string{"DPoP " + text}, false},
		{"another scheme", []string{"Basic " + text}, false},
		{"two headers, of which each reader may believe another", []string{"Bearer " + text, "Bearer " + text}, false},
		{"two tokens", []string{"Bearer " + text + ", Bearer " + text}, false},
		{"something after the token", []string{"Bearer " + text + " x"}, false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/?access_token="+text, strings.NewReader("access_token="+text))
		for _, f := range c.fields {
			r.Header.Add("Authorization", f)
		}
		p, err := w.tokens.VerifyRequest(r)
		if c.good {
			require.NoError(t, err, c.because)
			require.Equal(t, "mia for cust-42", p.String())
		} else {
			refused(t, err, "", c.because)
		}
	}
}

// What an ended call leaves behind looks from outside like any forgery.
func TestReasonsDoNotShow(t *testing.T) {
	w := newWorld(t)
	text := w.issue(w.both())
	w.put(w.both().Stamps, func(tx *table.Tx, actor bool) {
		if actor {
			tx.Delete(stamp.SessionName("mia", "s/1"))
		}
	})
	_, err := w.verify(text)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		require.NotContains(t, fmt.Sprintf(verb, err), "session")
	}
	refused(t, err, "session")
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func other(c byte) string { return string(alphabet[strings.IndexByte(alphabet, c)^1]) }

func decode(t testing.TB, segment string) string {
	t.Helper()
	b, err := strict.DecodeString(segment)
	require.NoError(t, err)
	return string(b)
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

// mac signs with HMAC, our public key being the secret.
func mac(t testing.TB, header, payload string) string {
	t.Helper()
	h := hmac.New(sha256.New, testPrivate(t).Public().(ed25519.PublicKey))
	input := strict.EncodeToString([]byte(header)) + "." + strict.EncodeToString([]byte(payload))
	h.Write([]byte(input))
	return input + "." + strict.EncodeToString(h.Sum(nil))
}

func signedWith(t testing.TB, k Key, header, payload string) string {
	t.Helper()
	input := strict.EncodeToString([]byte(header)) + "." + strict.EncodeToString([]byte(payload))
	sig, err := k.key.Sign([]byte(input))
	require.NoError(t, err)
	return input + "." + strict.EncodeToString(sig)
}
