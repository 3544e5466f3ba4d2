package password

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

// B5: accepted, temporary, expiring, expired, revoked, wrong.
func TestStatus(t *testing.T) {
	p := Policy{Expiry: 90 * day, Notice: 14 * day}
	set := func(ago time.Duration) Record { return Record{Hash: "x", Set: noon.Add(-ago)} }
	temporary := func(ago time.Duration) Record { return Record{Hash: "x", Set: noon.Add(-ago), Temporary: true} }
	for _, row := range []struct {
		policy  Policy
		record  Record
		right   bool
		want    Result
		days    int
		because string
	}{
		{p, set(0), true, Accepted, 0, "just set"},
		{p, set(76*day - 1), true, Accepted, 0, "a moment before the notice"},
		{p, set(76 * day), true, Expiring, 14, "fourteen days are left"},
		{p, set(76*day + 1), true, Expiring, 14, "counted up"},
		{p, set(77 * day), true, Expiring, 13, "a day later"},
		{p, set(90*day - 1), true, Expiring, 1, "the last moment is a day"},
		{p, set(90 * day), true, Expired, 0, "to the second"},
		{p, set(-time.Hour), true, Accepted, 0, "set by a faster clock"},
		{p, Record{Hash: "x"}, true, Expired, 0, "nobody knows since when"},
		{Default(), set(3650 * day), true, Accepted, 0, "PW-06: ten years pass"},
		{Policy{Expiry: 10 * day}, set(9 * day), true, Accepted, 0, "no notice is asked for"},
		{p, temporary(0), true, Temporary, 0, "to be changed"},
		{p, temporary(day - 1), true, Temporary, 0, "within the day"},
		{p, temporary(day), true, Revoked, 0, "a slip of paper in a drawer"},
		{Default(), temporary(day), true, Revoked, 0, "that without any expiry, too"},
		{Policy{TemporaryLife: time.Hour}, temporary(time.Hour), true, Revoked, 0, "a shorter life"},
		{p, temporary(0).Spend(), true, Revoked, 0, "PW-22: not twice"},
		{p, set(0).Spend(), true, Accepted, 0, "others are used as often as one likes"},
		{Default(), set(0).Revoke(), true, Revoked, 0, "PW-06: known to others"},
		{p, set(0), false, Wrong, 0, "wrong"},
		{p, set(90 * day), false, Wrong, 0, "a guess learns of no expiry"},
		{p, set(0).Revoke(), false, Wrong, 0, "nor of a revocation"},
		{p, Record{}, true, Wrong, 0, "there is no password"},
		{p, Record{}, false, Wrong, 0, "there is no password"},
	} {
		s := row.policy.Status(row.record, row.right, noon)
		require.Equal(t, row.want, s.Result, row.because)
		require.Equal(t, row.days, s.Days, row.because)
		require.Equal(t, row.want == Accepted || row.want == Expiring, s.Result.In(), row.because)
		require.Equal(t, row.want == Temporary || row.want == Expired, s.Result.MustChange(), row.because)
	}
	require.Equal(t, noon.Add(time.Hour), p.Status(set(90*day-time.Hour), true, noon).Until)
	require.Zero(t, Status{}.Result, "the zero Status lets nobody in")
	require.Equal(t, "wrong accepted expiring temporary expired revoked invalid",
		fmt.Sprint(Wrong, " ", Accepted, " ", Expiring, " ", Temporary, " ", Expired, " ", Revoked, " ", Result(99)))
}

// The member names are a stored format.
func TestRecordFormat(t *testing.T) {
	b, err := json.Marshal(Record{Hash: "h", Set: noon})
	require.NoError(t, err)
	require.Equal(t, `{"hash":"h","set":"2026-11-02T12:00:00Z"}`, string(b))
	b, err = json.Marshal(Record{"h", noon, true, true, []string{"g"}})
	require.NoError(t, err)
	require.Equal(t, `{"hash":"h","set":"2026-11-02T12:00:00Z","temporary":true,"revoked":true,"former":["g"]}`, string(b))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		require.Equal(t, "password of 2026-11-02T12:00:00Z, temporary, revoked", fmt.Sprintf(verb, Record{"h", noon, true, true, nil}), verb)
	}
}

// changes plays changes of one password, at one a day.
type changes struct {
	t      *testing.T
	policy Policy
	hasher *Hasher
	record Record
	now    time.Time
}

func (c *changes) try(w Change) []Rule {
	s, err := c.hasher.Acquire(c.t.Context())
	require.NoError(c.t, err)
	defer s.Release()
	next, err := c.policy.Change(c.t.Context(), s, c.record, w, c.now)
	if err != nil {
		require.Zero(c.t, next)
		rules := rulesOf(err)
		require.NotNil(c.t, rules, err)
		return rules
	}
	c.record = next
	c.now = c.now.Add(day)
	return nil
}

// PW-18: of the last four, the fourth is refused and the fifth is not; off by default; no more hashes are kept than needed.
func TestHistory(t *testing.T) {
	play := func(history int) *changes {
		c := &changes{t: t, policy: Policy{MinLength: 8, History: history}, hasher: hasher(t, peppered(1, map[int]Key{1: key1})).For(anna), now: noon}
		for _, word := range []string{"plum kit one", "plum kit two", "plum kit three", "plum kit four", "plum kit five"} {
			require.Nil(t, c.try(Change{New: word}), word)
		}
		return c
	}
	four := play(4)
	require.Len(t, four.record.Former, 3)
	used := []Rule{RuleHistory}
	for _, word := range []string{"plum kit five", "plum kit four", "plum kit three", "plum kit two"} {
		require.Equal(t, used, four.try(Change{New: word}), word)
		require.Equal(t, used, four.try(Change{New: word, Reset: true}), "nor by a reset: %s", word)
	}
	require.Equal(t, used, four.try(Change{New: "plum kit five", About: About{Previous: "plum kit five"}}), "told once")
	require.Nil(t, four.try(Change{New: "plum kit one"}))

	one := play(1)
	require.Empty(t, one.record.Former)
	require.Equal(t, used, one.try(Change{New: "plum kit five"}), "C9: not the previous one")
	require.Nil(t, one.try(Change{New: "plum kit four"}))

	none := play(0)
	require.Empty(t, none.record.Former)
	require.Nil(t, none.try(Change{New: "plum kit five"}))
}

func TestMinAge(t *testing.T) {
	c := &changes{t: t, policy: Policy{MinLength: 8, MinAge: day, Expiry: 30 * day}, hasher: hasher(t, Options{}), now: noon}
	require.Nil(t, c.try(Change{New: "plum kit one"}), "there is none yet")
	c.now = noon.Add(day - 1)
	require.Equal(t, []Rule{RuleMinLength, RuleMinAge}, c.try(Change{New: "plum"}), "with everything else")
	require.Equal(t, []Rule{RuleMinAge}, c.try(Change{New: "plum kit two"}))
	require.Nil(t, c.try(Change{New: "plum kit two", Reset: true}), "a forgotten one need not wait")
	c.now = c.record.Set.Add(day)
	require.Nil(t, c.try(Change{New: "plum kit three", Temporary: true}), "a day is enough")
	require.True(t, c.record.Temporary)
	c.now = c.record.Set
	require.Nil(t, c.try(Change{New: "plum kit four"}), "a temporary one is to be changed at once")
	require.False(t, c.record.Temporary)
	c.now, c.record = c.record.Set, c.record.Revoke()
	require.Nil(t, c.try(Change{New: "plum kit five"}), "so is one that others know")
	require.False(t, c.record.Revoked)
}

// B8: a change that is only computed stores nothing and changes nothing; the same call twice says the same.
func TestDryRun(t *testing.T) {
	c := &changes{t: t, policy: Policy{MinLength: 8, History: 3}, hasher: hasher(t, Options{}), now: noon}
	require.Nil(t, c.try(Change{New: "plum kit one"}))
	require.Nil(t, c.try(Change{New: "plum kit two"}))
	before := fmt.Sprint(c.record.Hash, c.record.Former)
	s := slot(t, c.hasher)
	for range 2 {
		next, err := c.policy.Change(t.Context(), s, c.record, Change{New: "plum kit three"}, noon)
		require.NoError(t, err)
		require.Equal(t, noon, next.Set)
		require.Len(t, next.Former, 2)
		require.Equal(t, before, fmt.Sprint(c.record.Hash, c.record.Former))
		_, err = c.policy.Change(t.Context(), s, c.record, Change{New: "plum kit one"}, noon)
		require.Equal(t, []Rule{RuleHistory}, rulesOf(err))
	}
	_, err := c.policy.Change(t.Context(), s, c.record, Change{New: ""}, noon)
	require.Equal(t, []Rule{RuleMinLength}, rulesOf(err))
	_, err = c.policy.Change(t.Context(), s, c.record, Change{New: "\xff"}, noon)
	require.Equal(t, []Rule{RuleEncoding}, rulesOf(err))
}

type sourceFunc func(string) (bool, error)

func (f sourceFunc) Listed(_ context.Context, password string) (bool, error) { return f(password) }

// PW-07: a host's own list, and a collection of stolen ones that fails open or closed as it says itself.
func TestSources(t *testing.T) {
	yes := sourceFunc(func(string) (bool, error) { return true, nil })
	down := sourceFunc(func(string) (bool, error) { return false, errors.New("no route") })
	open := sourceFunc(func(string) (bool, error) { return false, nil })
	for _, row := range []struct {
		sources  []Source
		password string
		rules    []Rule
		fails    bool
		because  string
	}{
		{nil, "plum kit one", nil, false, "nobody is asked"},
		{[]Source{NewList("Plum Kit One", "e\u0301clair au chocolat")}, "pLUM kit one", []Rule{RuleListed}, false, "in any case"},
		{[]Source{NewList("Plum Kit One", "e\u0301clair au chocolat")}, "éclair au chocolat", []Rule{RuleListed}, false, "composed or not"},
		{[]Source{NewList("plum kit")}, "plum kit one", nil, false, "only whole"},
		{[]Source{open, down}, "plum kit one", nil, true, "it cannot be looked up, and the source says that this is no"},
		{[]Source{open}, "plum kit one", nil, false, "or that it does not matter"},
		{[]Source{down, yes}, "plum kit one", []Rule{RuleListed}, false, "one that knows it is enough"},
		{[]Source{down}, "plum", []Rule{RuleMinLength}, false, "what is wrong anyhow is told"},
	} {
		s, err := hasher(t, Options{}).Acquire(t.Context())
		require.NoError(t, err)
		_, err = Policy{MinLength: 8}.Change(t.Context(), s, Record{}, Change{New: row.password, Sources: row.sources}, noon)
		require.Equal(t, row.rules, rulesOf(err), row.because)
		require.Equal(t, row.fails, errors.Is(err, ErrUnchecked), row.because)
		require.Equal(t, row.fails || row.rules != nil, err != nil, row.because)
	}
}

func TestListNormalizes(t *testing.T) {
	is, err := NewList("éclair").Listed(t.Context(), "E\u0301CLAIR")
	require.NoError(t, err)
	require.True(t, is)
}

// PW-14: a weaker record is rewritten with what was just verified; its age stays.
func TestUpgrade(t *testing.T) {
	h := hasher(t, Options{})
	s := slot(t, h)
	old := Record{Hash: crypt5, Set: noon, Former: []string{"x"}}
	next, err := s.Upgrade(old, "Hello world!")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(next.Hash, "$argon2id$"))
	require.Equal(t, old.Set, next.Set)
	require.Equal(t, old.Former, next.Former)
	hash, err := h.Parse(next.Hash)
	require.NoError(t, err)
	require.True(t, s.Verify(hash, "Hello world!"))
	again, err := s.Upgrade(next, "Hello world!")
	require.NoError(t, err)
	require.Equal(t, next, again, "once")
	same, err := s.Upgrade(Record{Hash: "$what$"}, "Hello world!")
	require.NoError(t, err)
	require.Equal(t, Record{Hash: "$what$"}, same)
	same, err = s.Upgrade(old, "")
	require.ErrorIs(t, err, ErrEmpty)
	require.Equal(t, old, same)
}

// B2: logins and passwords for services without a keyboard are unique and random, and keep to every profile.
func TestGenerate(t *testing.T) {
	r := hasher(t, Options{}).rand
	seen := map[string]bool{}
	everything := Policy{MinLength: 64, Classes: allClasses, Sequences: true, Repeats: true}
	for range 300 {
		for _, p := range []Policy{Default(), PCI().Policy, CustomerClassic().Policy, EmployeeClassic().Policy, everything} {
			s, err := p.Generate(r)
			require.NoError(t, err)
			require.NoError(t, p.Check(s))
			require.Len(t, s, max(20, p.MinLength))
			require.NotContains(t, seen, s)
			seen[s] = true
		}
		login, err := GenerateLogin(r, "voip")
		require.NoError(t, err)
		require.Regexp(t, `^voip-[a-z2-9]{26}$`, login)
		require.NotContains(t, seen, login)
		seen[login] = true
	}
	bare, err := GenerateLogin(r, "")
	require.NoError(t, err)
	require.Len(t, bare, 26)

	count := map[rune]int{}
	s, err := draw(r, "abc", 30_000)
	require.NoError(t, err)
	for _, c := range s {
		count[c]++
	}
	for _, c := range "abc" {
		require.InDelta(t, 10_000, count[c], 500, "each as likely as the others")
	}

	_, err = Default().Generate(strings.NewReader("short"))
	require.ErrorContains(t, err, "no randomness")
	_, err = Policy{Sequences: true, Repeats: true}.Generate(zeros{})
	require.ErrorContains(t, err, "is the source of randomness one?")
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// PW-21: a rule on changed characters is off unless it is asked for, and applies only where the present password was typed
// just now: nobody keeps a password so that another can be compared with it, and a reset goes without.
func TestChangedCharacters(t *testing.T) {
	require.Zero(t, Default().MinChanged)
	for _, p := range []Profile{NIST(), PCI(), CustomerClassic(), EmployeeClassic()} {
		require.Zero(t, p.Policy.MinChanged, p.Name)
	}
	c := &changes{t: t, policy: Policy{MinLength: 8, MinChanged: 4}, hasher: hasher(t, Options{}), now: noon}
	require.Nil(t, c.try(Change{New: "plum kit one"}))
	typed := About{Previous: "plum kit one"}
	require.Equal(t, []Rule{RuleSimilar}, c.try(Change{New: "plum kit on3", About: typed}))
	require.Equal(t, []Rule{RuleSimilar}, c.try(Change{New: "plum kit 0ne7", About: typed}))
	require.NotContains(t, string(must(json.Marshal(c.record))), "plum", "what is kept is no password")
	require.Nil(t, c.try(Change{New: "plum kit on3", Reset: true}), "a reset knows no present one")
	require.Nil(t, c.try(Change{New: "green glass door", About: About{Previous: "plum kit on3"}}))
}
