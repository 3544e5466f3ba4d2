package main

import (
	"fmt"
	"io/fs"
	"net/http"
	"sync"
	"unicode/utf8"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authz"
	"github.com/symbolon-auth/symbolon/authz/httpauth"
)

// book is the business data of the demo: customers and their lines. It stands
// where your own services stand, and like them takes a Grant where it matters.
type book struct {
	customers map[symbolon.SubjectID]customer
	owner     map[string]symbolon.SubjectID // by number of a line

	mu    sync.Mutex
	lines map[string]line // by number; what a SIM change changes, until the process ends
}

func readBook(fsys fs.FS) (*book, error) {
	var all []customer
	if err := readJSON(fsys, "customers.json", &all); err != nil {
		return nil, err
	}
	b := &book{customers: map[symbolon.SubjectID]customer{}, owner: map[string]symbolon.SubjectID{}, lines: map[string]line{}}
	for _, c := range all {
		b.customers[c.ID] = c
		for _, l := range c.Lines {
			if _, taken := b.owner[l.Number]; taken {
				return nil, fmt.Errorf("customers.json: line %s is there twice", l.Number)
			}
			b.owner[l.Number], b.lines[l.Number] = c.ID, l
		}
	}
	return b, nil
}

// account returns whose a line is; empty for a number that nobody has.
func (b *book) account(number string) symbolon.AccountID { return b.customers[b.owner[number]].Account }

func (b *book) mobile(id symbolon.SubjectID) string { return b.customers[id].Mobile }

func (b *book) line(number string) line {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lines[number]
}

// theCustomer says what GET /customers/{id} is about. A customer who does not
// exist has no account, and is refused like one of somebody else.
func (s *server) theCustomer(r *http.Request) (httpauth.Asked, error) {
	id := r.PathValue("id")
	return httpauth.Asked{
		Resource:    authz.Resource{Type: "Customer", ID: id, Account: s.book.customers[symbolon.SubjectID(id)].Account},
		Interaction: callOf(r),
	}, nil
}

const masked = "•••" // always as long, or the mask would tell

// showMasked is enough to greet a caller with, and tells a stranger nothing.
func (s *server) showMasked(w http.ResponseWriter, _ *http.Request, g authz.Grant) {
	c := s.book.customers[symbolon.SubjectID(g.Resource().ID)]
	_, n := utf8.DecodeRuneInString(c.Name)
	answer(w, http.StatusOK, object{"id": c.ID, "name": c.Name[:n] + masked, "email": masked, "address": masked, "lines": masked})
}

// showCustomer acts on what the Grant says, not on the address: what was decided
// on and what is shown are one.
func (s *server) showCustomer(w http.ResponseWriter, _ *http.Request, g authz.Grant) {
	c := s.book.customers[symbolon.SubjectID(g.Resource().ID)]
	lines := []line{}
	for _, l := range c.Lines {
		lines = append(lines, s.book.line(l.Number))
	}
	answer(w, http.StatusOK, object{"id": c.ID, "name": c.Name, "email": c.Email, "address": c.Address, "lines": lines})
}
