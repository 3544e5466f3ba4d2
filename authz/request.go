package authz

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon"
)

// Request is what somebody wants to do.
type Request struct {
	Action      Action
	Resource    Resource
	Params      Params
	Environment symbolon.Attributes // context.env.x
	Purpose     string              // context.purpose, such as care or marketing (AZ-30); empty: unset
}

// Resource is the thing that is touched.
type Resource struct {
	Type       string // as the action's Spec.On
	ID         string
	Account    symbolon.AccountID  // whose it is; empty for what belongs to no customer
	Attributes symbolon.Attributes // resource.host.x
}

// String returns the type and the id.
func (r Resource) String() string { return r.Type + " " + r.ID }

func (r Resource) clone() Resource {
	r.Attributes = maps.Clone(r.Attributes)
	return r
}

// Params are the parameters of an action: what a [Grant] is bound to beside the
// resource.
type Params map[string]symbolon.Value

// malformed names everything in r that the declarations do not know. It is the
// host's mistake and no decision.
func (r Request) malformed(actions Actions, host Schema) error {
	spec, declared := actions[r.Action]
	if !declared {
		return fmt.Errorf("authz: %w: action %q is not declared", symbolon.ErrInvalid, string(r.Action))
	}
	var wrong []string
	need := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	need(r.Resource.Type == spec.On, "Resource.Type %s", spec.On)
	_, err := symbolon.ParseID[string](r.Resource.ID)
	need(err == nil, "Resource.ID of 1 to 128 bytes")
	if r.Resource.Account != "" {
		_, err := symbolon.ParseID[symbolon.AccountID](string(r.Resource.Account))
		need(err == nil, "Resource.Account of 1 to 128 bytes")
	}
	if r.Purpose != "" {
		_, err := symbolon.ParseID[string](r.Purpose)
		need(err == nil, "Purpose of at most 128 bytes")
	}
	values := func(what string, given map[string]symbolon.Value, declared map[string]Attribute) {
		for _, name := range slices.Sorted(maps.Keys(given)) {
			a, known := declared[name]
			need(known, "no undeclared %s[%q]", what, name)
			need(!known || !given[name].IsSet() || a.Type.holds(given[name]), "%s[%q] to be a %s", what, name, a.Type)
		}
	}
	values("Params", r.Params, spec.params())
	values("Environment", r.Environment, host.Environment)
	values("Resource.Attributes", r.Resource.Attributes, host.Resources[spec.On])
	if len(wrong) > 0 {
		return fmt.Errorf("authz: %w: a request for %q needs %s", symbolon.ErrInvalid, string(r.Action), strings.Join(wrong, "; "))
	}
	return nil
}

// clone returns a request that shares no map with r: what is judged, recorded
// and granted must be the same thing, whatever the host does meanwhile.
func (r Request) clone() Request {
	r.Resource, r.Params, r.Environment = r.Resource.clone(), maps.Clone(r.Params), maps.Clone(r.Environment)
	return r
}

// digest is the SHA-256 of the parameters in a form that does not depend on
// their order, on the order within a set, nor on where a value came from. An
// unset parameter is the same as none; the text 1 is not the number.
func (p Params) digest() [sha256.Size]byte {
	type member struct {
		Name, Type string
		Value      any
	}
	members := []member{} // sorted by name
	for _, name := range slices.Sorted(maps.Keys(p)) {
		switch v := p[name].Any().(type) {
		case nil:
		case []string:
			slices.Sort(v)
			members = append(members, member{name, "set", hexAll(slices.Compact(v))})
		case time.Time:
			// Seconds and the rest of one: nanoseconds alone wrap around in 2262.
			members = append(members, member{name, "time", [2]int64{v.Unix(), int64(v.Nanosecond())}})
		case string:
			members = append(members, member{name, "string", hexAll([]string{v})})
		default:
			members = append(members, member{name, fmt.Sprintf("%T", v), v})
		}
	}
	b, err := json.Marshal(members)
	if err != nil {
		panic(err) // strings, integers and booleans always marshal
	}
	return sha256.Sum256(b)
}

// hexAll keeps bytes apart that JSON would make alike: it replaces each one that
// is not UTF-8 by the same character.
func hexAll(ss []string) []string {
	out := make([]string, len(ss))
	for i, s := range ss {
		out[i] = fmt.Sprintf("%x", s)
	}
	return out
}
