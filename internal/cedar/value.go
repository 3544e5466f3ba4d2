package cedar

import (
	"net/netip"
	"time"

	"github.com/cedar-policy/cedar-go"
)

// Record holds attributes by name: string, int64, bool, []string, time.Time,
// netip.Addr, or a Record. A name that is missing, nil or of any other type is
// not set.
type Record map[string]any

// value converts what policies can read; false for everything else.
func value(v any) (cedar.Value, bool) {
	switch v := v.(type) {
	case string:
		return cedar.String(v), true
	case int64:
		return cedar.Long(v), true
	case bool:
		return cedar.Boolean(v), true
	case []string:
		if v == nil {
			return nil, false // nobody knows the members, which is not the empty set
		}
		members := make([]cedar.Value, len(v))
		for i, s := range v {
			members[i] = cedar.String(s)
		}
		return cedar.NewSet(members...), true
	case time.Time:
		return cedar.NewDatetime(v), true
	case netip.Addr:
		return cedar.IPAddr(netip.PrefixFrom(v, v.BitLen())), v.IsValid()
	case Record:
		return record(v), true
	}
	return nil, false
}

func record(r Record) cedar.Record {
	out := make(cedar.RecordMap, len(r))
	for name, v := range r {
		if c, ok := value(v); ok {
			out[cedar.String(name)] = c
		}
	}
	return cedar.NewRecord(out)
}

// lookup reports whether the attribute under a record is set.
func lookup(r Record, names []string) bool {
	var v any = r
	for _, name := range names {
		inner, ok := v.(Record)
		if !ok {
			return false
		}
		v = inner[name]
	}
	_, ok := value(v)
	return ok
}
