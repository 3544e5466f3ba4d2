package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/symbolon-auth/symbolon"
)

// What a host already has: its employees and its customers. Symbolon keeps
// neither; it asks through two interfaces of two and one methods. Yours read
// from your own tables; these read from two JSON files.

//go:embed demo/employees.json demo/customers.json
var demoFiles embed.FS

// demoData is what is served unless -demo names something else.
func demoData() fs.FS {
	sub, err := fs.Sub(demoFiles, "demo")
	if err != nil {
		panic(err) // the directory is compiled in
	}
	return sub
}

// employee is an entry of employees.json.
type employee struct {
	ID       symbolon.ActorID  `json:"id"`
	Login    string            `json:"login"`    // empty: does not sign in with a password
	Password string            `json:"password"` // of the demo, set at the first start
	Kind     string            `json:"kind"`     // employee if empty, or service
	Person   symbolon.PersonID `json:"person"`   // who they are to the people system, whatever accounts they have
	Org      symbolon.OrgID    `json:"org"`
	Roles    []string          `json:"roles"`
}

// employees is the host's list of those who act.
type employees struct {
	all     []employee
	byID    map[symbolon.ActorID]symbolon.Actor
	byLogin map[string]symbolon.Actor
}

var _ symbolon.ActorDirectory = (*employees)(nil)

func readEmployees(fsys fs.FS) (*employees, error) {
	d := &employees{byID: map[symbolon.ActorID]symbolon.Actor{}, byLogin: map[string]symbolon.Actor{}}
	if err := readJSON(fsys, "employees.json", &d.all); err != nil {
		return nil, err
	}
	kinds := map[string]symbolon.Kind{"": symbolon.Employee, "employee": symbolon.Employee, "service": symbolon.Service}
	for _, e := range d.all {
		a := symbolon.Actor{ID: e.ID, Kind: kinds[e.Kind], Person: e.Person, Org: e.Org, Roles: e.Roles}
		if a.Kind == 0 {
			return nil, fmt.Errorf("employees.json: %s: the kind is employee or service, not %q", e.ID, e.Kind)
		}
		d.byID[e.ID] = a
		if e.Login != "" {
			d.byLogin[e.Login] = a
		}
	}
	return d, nil
}

// ActorByLogin implements [symbolon.ActorDirectory].
func (d *employees) ActorByLogin(_ context.Context, login string) (symbolon.Actor, error) {
	return found(d.byLogin, login)
}

// Actor implements [symbolon.ActorDirectory].
func (d *employees) Actor(_ context.Context, id symbolon.ActorID) (symbolon.Actor, error) {
	return found(d.byID, id)
}

// customer is an entry of customers.json.
type customer struct {
	ID      symbolon.SubjectID `json:"id"`
	Account symbolon.AccountID `json:"account"`
	Person  symbolon.PersonID  `json:"person"`
	Level   string             `json:"level"` // owner, authorized or restricted
	Name    string             `json:"name"`
	Email   string             `json:"email"`
	Address string             `json:"address"`
	Mobile  string             `json:"mobile"` // where their codes go
	Lines   []line             `json:"lines"`
}

// line is one SIM card's worth of telephone.
type line struct {
	Number string `json:"number"`
	ICCID  string `json:"iccid"`            // of the SIM card in use
	Barred bool   `json:"barred,omitempty"` // while a fraud report is open
}

// Subject implements [symbolon.SubjectDirectory]. Of all that the host knows about a
// customer, Symbolon is told what decisions need, and no contact data.
func (b *book) Subject(_ context.Context, id symbolon.SubjectID) (symbolon.Subject, error) {
	c, err := found(b.customers, id)
	if err != nil {
		return symbolon.Subject{}, err
	}
	levels := map[string]symbolon.Level{"owner": symbolon.Owner, "authorized": symbolon.Authorized, "restricted": symbolon.Restricted}
	return symbolon.Subject{ID: c.ID, Account: c.Account, Person: c.Person, Level: levels[c.Level]}, nil
}

func found[K comparable, V any](in map[K]V, key K) (V, error) {
	v, ok := in[key]
	if !ok {
		return v, symbolon.ErrNotFound
	}
	return v, nil
}

// readJSON reads a file, and refuses one with a member that nobody reads: a
// misspelt "roles" would silently mean none.
func readJSON(fsys fs.FS, name string, into any) error {
	b, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
