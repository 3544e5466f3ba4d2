package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/symbolon-auth/symbolon/password"
)

// Settings are what an organisation wishes. A field that is not in it is inherited.
type Settings map[Field]Value

// PasswordSettings returns what a policy for passwords demands, as an organisation wishes it: a ready one such as that of
// password.PCI, or what password.Combine makes of several. What it leaves to the default is inherited.
func PasswordSettings(p password.Policy) Settings {
	s := Settings{}
	wish := func(is bool, f Field, v Value) {
		if is {
			s[f] = v
		}
	}
	wish(p.MinLength != 0, PasswordMinLength, Count(p.MinLength))
	wish(p.MaxLength != 0, PasswordMaxLength, Count(p.MaxLength))
	wish(p.Classes != 0, PasswordClasses, Names(strings.Fields(p.Classes.String())...))
	wish(p.Sequences, PasswordSequences, Flag(true))
	wish(p.Repeats, PasswordRepeats, Flag(true))
	wish(p.AllowCommon, PasswordCommon, Flag(false))
	wish(p.History != 0, PasswordHistory, Count(p.History))
	wish(p.MinChanged != 0, PasswordChanged, Count(p.MinChanged))
	wish(p.MinAge != 0, PasswordMinAge, Span(p.MinAge))
	wish(p.Expiry != 0, PasswordExpiry, Span(p.Expiry))
	wish(p.Expiry != 0, PasswordNotice, Span(p.Notice))
	wish(p.TemporaryLife != 0, PasswordTemporary, Span(p.TemporaryLife))
	return s
}

// wrong returns what is the matter with the settings by themselves.
func (s Settings) wrong() Breaches {
	var b Breaches
	for _, f := range slices.Sorted(maps.Keys(s)) {
		i := place(f)
		if i < 0 {
			b = append(b, Breach{Field: f, Value: s[f], Reason: "is not a setting"})
		} else if why := fields[i].wrong(s[f]); why != "" {
			b = append(b, Breach{Field: f, Value: s[f], Reason: why})
		}
	}
	if b != nil {
		return b // what contradicts may only be a mistake of these
	}
	for _, c := range caps {
		short, long := fields[c[0]].field, fields[c[1]].field
		v, ok := s[short]
		if w, both := s[long]; ok && both && v.n > w.n {
			b = append(b, Breach{Field: short, Value: v, Reason: fmt.Sprintf("exceeds %s, which is %s", long, shown(long, w))})
		}
	}
	return b
}

// MarshalJSON returns the settings by group, in the form that [ParseSettings] reads. A field that does not exist, or a
// value that does not fit its field, is an error.
func (s Settings) MarshalJSON() ([]byte, error) {
	if b := s.wrong(); b != nil {
		return nil, b
	}
	groups := map[string]map[string]any{}
	for f, v := range s {
		group, name, _ := strings.Cut(string(f), ".")
		if groups[group] == nil {
			groups[group] = map[string]any{}
		}
		groups[group][name] = fields[place(f)].json(v)
	}
	return json.Marshal(groups)
}

// UnmarshalJSON is [ParseSettings] for the value of a member.
func (s *Settings) UnmarshalJSON(data []byte) error {
	parsed, err := ParseSettings(bytes.Clone(data))
	if err == nil {
		*s = parsed
	}
	return err
}

func (s *spec) json(v Value) any {
	switch v.kind {
	case endless:
		return s.endless
	case number:
		return v.n
	case yesNo:
		return v.n != 0
	case set:
		return append([]string{}, v.list()...)
	}
	return s.plain(v.n)
}
