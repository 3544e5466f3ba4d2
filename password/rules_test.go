package password

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rulesOf returns the names of the broken rules.
func rulesOf(err error) (rules []Rule) {
	var broken Violations
	errors.As(err, &broken)
	for _, v := range broken {
		rules = append(rules, v.Rule)
	}
	return rules
}

// C9, C10: runs in the alphabet, the digits and on keyboards, in both directions.
func TestSequences(t *testing.T) {
	for _, row := range []struct {
		password string
		refused  bool
		because  string
	}{
		{"abcdefg", true, "the source's own example"},
		{"123456", true, "and its other"},
		{"qwerty", true, "a walk on the keyboard"},
		{"gfedcba", true, "backwards"},
		{"654321", true, "backwards"},
		{"ytrewq", true, "backwards"},
		{"AbCdEfG", true, "case hides nothing"},
		{"xK9#abcdeP!w", true, "five in a row anywhere"},
		{"xK9#98765P!w", true, "five in a row anywhere, backwards"},
		{"xK9#abcdQP!w", false, "four are chance"},
		{"xK9#abcabQP!w", false, "neighbours in no row"},
		{"abcd1234", true, "short runs are most of it"},
		{"abc123xyz", true, "even shorter ones"},
		{"1qaz2wsx", true, "columns of keys"},
		{"zaq1xsw2", true, "and upwards"},
		{"qazwsxedc", true, "columns without digits"},
		{"!@#$%^&", true, "the digits with shift"},
		{"asdfghjkl", true, "the middle row"},
		{"azertyuiop", true, "a French keyboard"},
		{"qwertzuiop", true, "a German one"},
		{"7890-=7890-=", true, "the end of the top row"},
		{"8901234", true, "over the ten"},
		{"абвгде", true, "the Russian alphabet"},
		{"αβγδεζ", true, "the Greek one"},
		{"٠١٢٣٤٥", true, "Arabic digits"},
		{"correct horse battery", false, "words"},
		{"defghost writer", true, "defgh is a run"},
		{"stunning nopal", false, "rst, nop and such are in words, and little of them"},
		{"k7#mQp!z2Wd", false, "chance"},
		{"zzzzzz", false, "a repetition is another rule"},
		{"", false, "nothing"},
	} {
		require.Equal(t, row.refused, sequence([]rune(row.password)), "%q: %s", row.password, row.because)
	}
}

func TestRepeats(t *testing.T) {
	for _, row := range []struct {
		password string
		refused  bool
		because  string
	}{
		{"aaaaaaaa", true, "one character"},
		{"xy!aaaaaQ9", true, "five in a row anywhere"},
		{"xy!aaaaQ9k", false, "four are chance"},
		{"aaabbbccc", true, "short runs are all of it"},
		{"abababab", true, "a piece over and over"},
		{"hellohello", true, "twice"},
		{"hellohelloo", false, "not quite"},
		{"🔑🔒🔑🔒", true, "in any script"},
		{"correct horse battery", false, "two r are nothing"},
		{"", false, "nothing"},
	} {
		require.Equal(t, row.refused, repetition([]rune(row.password)), "%q: %s", row.password, row.because)
	}
}

func TestClasses(t *testing.T) {
	for _, row := range []struct {
		demand   Classes
		password string
		advice   string
		because  string
	}{
		{Letter | Digit, "letters1", "", "PCI"},
		{Letter | Digit, "12345678", "add a letter", "PCI"},
		{Upper | Lower | Digit, "Abcdefg1", "", "C10"},
		{Upper | Lower | Digit, "ABCDEFG1", "add a small letter", "C10"},
		{Upper | Lower | Digit, "!!!!", "add a small letter, a capital letter and a digit", "C10: all of them at once"},
		{Letter | Upper, "x", "add a capital letter", "a capital letter is a letter"},
		{Letter | Upper, "1", "add a capital letter", "and is asked for once"},
		{Upper | Lower | Digit, "Ёжик٣", "", "in any script"},
		{Symbol, "two words", "", "a blank is a sign"},
		{Symbol, "price€", "", "so is a currency's"},
		{Symbol, "twowords", "add a sign such as a full stop or a blank", "none"},
		{Letter, "日本", "", "letters without case"},
	} {
		err := Policy{MinLength: 1, AllowCommon: true, Classes: row.demand}.Check(row.password)
		if row.advice == "" {
			require.NoError(t, err, row.because)
			continue
		}
		require.Equal(t, []Rule{RuleClasses}, rulesOf(err), row.because)
		require.ErrorContains(t, err, row.advice, row.because)
	}
	require.Equal(t, "none", Classes(0).String())
	c, err := ParseClasses("lower", "digit")
	require.NoError(t, err)
	require.Equal(t, "lower digit", c.String())
	_, err = ParseClasses("lower", "emoji")
	require.ErrorContains(t, err, `"emoji"; there are letter lower upper digit symbol`)
}

// Every broken rule is reported at once, with advice, and without the password.
func TestEveryBrokenRuleAtOnce(t *testing.T) {
	p := Policy{MinLength: 15, Classes: Upper | Symbol, Sequences: true, Repeats: true, MinChanged: 4, History: 1}
	who := About{Words: []string{"Qwe GmbH"}, Previous: "qweqwe1"}
	err := p.CheckFor("qweqwe", who)
	require.Equal(t, []Rule{RuleMinLength, RuleClasses, RuleSequence, RuleRepeats, RuleCommon, RuleObvious, RuleSimilar}, rulesOf(err))
	var broken Violations
	require.ErrorAs(t, err, &broken)
	for _, v := range broken {
		require.NotEmpty(t, v.Advice)
		require.NotContains(t, v.Advice, "qweqwe")
	}
	require.Equal(t, []Rule{RuleHistory}, rulesOf(Policy{MinLength: 1, MinChanged: 4, History: 1}.CheckFor("k7#mQp!z2Wd", About{Previous: "k7#mQp!z2Wd"})))
	require.Equal(t, []Rule{RuleSimilar}, rulesOf(Policy{MinLength: 1, MinChanged: 4}.CheckFor("k7#mQp!z2Wd", About{Previous: "k7#mQp!z2Wd"})))
}

// Linear in what is sent, for every rule and the worst of passwords and words.
func TestChecksAreLinear(t *testing.T) {
	p := Policy{MinLength: 8, MaxLength: 1024, Classes: allClasses, Sequences: true, Repeats: true, MinChanged: 16}
	words := make([]string, 64)
	for i := range words {
		words[i] = strings.Repeat("aaa.", 64)
	}
	for _, s := range []string{strings.Repeat("a", 1024), strings.Repeat("ab", 512), strings.Repeat("🔑", 1024), strings.Repeat("aaa", 341), strings.Repeat("\u0301", 1024)} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = p.CheckFor(s, About{Words: words, Previous: s[:len(s)/2] + s[:len(s)/2]})
		}()
		select {
		case <-done: // milliseconds; what is not linear takes minutes
		case <-time.After(30 * time.Second):
			t.Fatal("a check does not come to its end")
		}
	}
	long := About{Words: []string{strings.Repeat("é", 1<<20)}}
	require.Less(t, allocated(func() { long.obvious("password") }), uint64(64<<10), "nor is a long word looked at whole")
}

func BenchmarkCheck(b *testing.B) {
	who := About{Words: []string{"john.smith@example.com", "John Smith", "+1 555 010 9999", "AC-7734120", "Vodanet"}}
	all := Policy{MinLength: 15, Classes: allClasses, Sequences: true, Repeats: true, MinChanged: 4, History: 1}
	everything := About{Words: who.Words, Previous: "Correct horse 6 staple"}
	for name, row := range map[string]struct {
		policy   Policy
		who      About
		password string
	}{
		"default":  {Default(), About{}, "correct horse battery"},
		"employee": {EmployeeClassic().Policy, About{}, "Correct horse 7 battery"},
		"words":    {EmployeeClassic().Policy, who, "Correct horse 7 battery"},
		"common":   {Policy{MinLength: 1}, About{}, "qwertyuiop12345"},
		"all":      {all, everything, "Correct horse 7 battery"},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = row.policy.CheckFor(row.password, row.who)
			}
		})
	}
}

// PW-26. FuzzRules: no panic, whatever the password and whatever is known, and no password in the advice.
func FuzzRules(f *testing.F) {
	for _, s := range []string{"", "Tr0ub4dor&3", "e\u0301", "\xff\xfe", "\u202eright to left", "👩‍👩‍👧‍👦", "\x00", "İ", "ǅ", "ﬁ", "٣٣٣٣", "\U0010ffff"} {
		f.Add(s, "john.smith@example.com", "previous")
	}
	p := Policy{MinLength: 1, Classes: allClasses, Sequences: true, Repeats: true, MinChanged: 8, History: 1}
	f.Fuzz(func(t *testing.T, password, word, previous string) {
		err := p.CheckFor(password, About{Words: []string{word, previous}, Previous: previous})
		if err != nil && len(password) > 16 && !strings.Contains(err.Error(), "abcdefg") {
			require.NotContains(t, err.Error(), password)
		}
	})
}
