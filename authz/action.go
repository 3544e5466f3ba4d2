package authz

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/symbolon-auth/symbolon"
)

// Action names something that can be done, such as "sim.change".
type Action string

// Actions declares everything that can be done in a realm. What is not declared
// cannot be asked for. View by an employee, disclosure to the customer and change
// are different actions (AZ-29).
type Actions map[Action]Spec

// Spec says what an action is about. The zero value of each field but On is the
// strictest.
type Spec struct {
	On          string          // the type of the resource, as policies name it
	Concern     Concern         // whom it concerns; a proved customer by default
	Params      map[string]Type // what it takes; policies read context.params.x
	Insensitive bool            // it may happen though its record could not be written
}

// Concern is whom an action concerns, and with that how much of the floor
// stands under it (S4).
type Concern uint8

// The concerns.
const (
	OfCustomer Concern = iota // a customer who proved who they are: both sets, the whole floor
	OfClaimed                 // a customer who is claimed in a live interaction: both sets, no proof
	OfNone                    // no customer: the actor's set alone, on a resource that has no account
)

// String returns "customer", "claimed" or "none".
func (c Concern) String() string {
	switch c {
	case OfCustomer:
		return "customer"
	case OfClaimed:
		return "claimed"
	case OfNone:
		return "none"
	}
	return fmt.Sprintf("Concern(%d)", uint8(c))
}

// Type is the type of a parameter or attribute. The zero Type is invalid.
type Type uint8

// The types, each with what a policy calls it.
const (
	TypeString  Type = iota + 1 // String
	TypeInt                     // Long
	TypeBool                    // Bool
	TypeStrings                 // Set<String>
	TypeTime                    // datetime
)

var cedarTypes = [...]string{TypeString: "String", TypeInt: "Long", TypeBool: "Bool", TypeStrings: "Set<String>", TypeTime: "datetime"}

func (t Type) valid() bool { return t > 0 && int(t) < len(cedarTypes) }

// String returns what a policy calls the type.
func (t Type) String() string {
	if !t.valid() {
		return "invalid type"
	}
	return cedarTypes[t]
}

// holds reports whether v is set and of type t.
func (t Type) holds(v symbolon.Value) bool {
	switch v.Any().(type) {
	case string:
		return t == TypeString
	case int64:
		return t == TypeInt
	case bool:
		return t == TypeBool
	case []string:
		return t == TypeStrings
	case time.Time:
		return t == TypeTime
	}
	return false
}

// Attribute declares a value that the host knows and policies may read.
type Attribute struct {
	Type   Type
	MaxAge time.Duration // a Value older than this, or of unknown age, counts as unset (AZ-18); 0: any age
}

// Schema declares the attributes of the host. Each kind lives in a namespace of
// its own, so that none can stand in for one of ours (S5).
type Schema struct {
	Actor       map[string]Attribute            // principal.host.x
	Subject     map[string]Attribute            // context.subject.host.x
	Resources   map[string]map[string]Attribute // by type of resource: resource.host.x
	Environment map[string]Attribute            // context.env.x
}

var (
	actionName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$`)
	typeName   = regexp.MustCompile(`^[A-Z][A-Za-z0-9_]{0,63}$`)
	fieldName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)
	taken      = []string{"Actor", "Role", "Action", "Subject", "Interaction", "Times", "Bool", "Boolean", "Long", "String", "Set", "Record", "Entity", "Extension"}
)

// wrong names everything that is wrong with the declarations.
func (as Actions) wrong() (out []string) {
	for _, name := range slices.Sorted(maps.Keys(as)) {
		spec := as[name]
		if !actionName.MatchString(string(name)) {
			out = append(out, fmt.Sprintf("Actions: a name of letters, digits and ._:- instead of %q", string(name)))
		}
		if !typeName.MatchString(spec.On) || slices.Contains(taken, spec.On) {
			out = append(out, fmt.Sprintf("Actions: On of %q to be a name such as Line, not %q", string(name), spec.On))
		}
		if spec.Concern > OfNone {
			out = append(out, fmt.Sprintf("Actions: a known Concern of %q", string(name)))
		}
		for _, p := range slices.Sorted(maps.Keys(spec.Params)) {
			if !fieldName.MatchString(p) || !spec.Params[p].valid() {
				out = append(out, fmt.Sprintf("Actions: a name of letters, digits and _ and a Type for parameter %q of %q", p, string(name)))
			}
		}
	}
	return out
}

// wrong names everything that is wrong with the declarations.
func (s Schema) wrong(as Actions) (out []string) {
	fields := func(of string, attrs map[string]Attribute) {
		for _, name := range slices.Sorted(maps.Keys(attrs)) {
			if a := attrs[name]; !fieldName.MatchString(name) || !a.Type.valid() || a.MaxAge < 0 {
				out = append(out, fmt.Sprintf("Schema.%s: a name of letters, digits and _, a Type and no negative MaxAge for %q", of, name))
			}
		}
	}
	fields("Actor", s.Actor)
	fields("Subject", s.Subject)
	fields("Environment", s.Environment)
	for _, on := range slices.Sorted(maps.Keys(s.Resources)) {
		fields("Resources["+on+"]", s.Resources[on])
		if !slices.ContainsFunc(slices.Collect(maps.Values(as)), func(a Spec) bool { return a.On == on }) {
			out = append(out, fmt.Sprintf("Schema.Resources: an action on %q", on))
		}
	}
	return out
}
