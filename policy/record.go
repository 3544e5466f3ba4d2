package policy

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
)

// All organisations of a tenant lie in one shard, a record each, beside a head that every change rewrites: two changes
// that do not know of each other never both hold.
var shard = table.ShardOf("policy", "tree")

const (
	headName   = "policy/head"
	nodePrefix = "org/"
	maxRecent  = 32
)

func nodeName(org symbolon.OrgID) string { return table.Name("org", string(org)) }
func proposalName(id string) string      { return table.Name("policy", "proposal", id) }

const proposalPrefix = "policy/proposal/"

// head is what the tree is known by.
type head struct {
	N      uint64   `json:"n"`                // changes so far
	Sum    string   `json:"sum"`              // of all organisations
	Writes uint64   `json:"writes,omitempty"` // of the head, of which some change no organisation
	Recent []string `json:"recent"`           // changes by id, the latest last: a reply that was lost must not make a second one

	// Touched are the organisations of the last changes, the latest last, as far as one Get asks for them: who has the tree
	// of before reads no others.
	Touched [][]symbolon.OrgID `json:"touched,omitempty"`

	// Open are the proposals that wait, by id, with their ends. A writer of the database who puts back the record of one that
	// was carried out or withdrawn does not make it wait again.
	Open map[string]time.Time `json:"open,omitempty"`

	Left []leaving `json:"left,omitempty"` // organisations that were removed, the latest last
}

const maxOpen = 128 // proposals that wait

// waits reports whether a proposal waits. A head from before heads listed them does not know, and the record alone says so.
func (h head) waits(id string) bool {
	_, open := h.Open[id]
	return open || h.Writes == 0
}

// opens returns the head with one more proposal that waits.
func (h head) opens(id string, end, now time.Time) (head, error) {
	h = h.closes("", now)
	if len(h.Open) >= maxOpen {
		return h, fmt.Errorf("%w: %d proposals wait already; approve or withdraw some", symbolon.ErrInvalid, maxOpen)
	}
	h.Open[id] = end
	return h, nil
}

// closes returns the head without a proposal, nor those whose time is over.
func (h head) closes(id string, now time.Time) head {
	open := map[string]time.Time{}
	for one, end := range h.Open {
		if one != id && now.Before(end) {
			open[one] = end
		}
	}
	h.Writes, h.Open = h.Writes+1, open
	return h
}

// next returns the head after a change.
func (h head) next(id string, touched []symbolon.OrgID, sum string) head {
	n := head{N: h.N + 1, Sum: sum, Writes: h.Writes, Open: h.Open, Recent: append(slices.Clone(h.Recent), id), Touched: append(slices.Clone(h.Touched), touched)}
	n.Recent = n.Recent[max(0, len(n.Recent)-maxRecent):]
	for len(slices.Concat(n.Touched...)) > storage.MaxOps {
		n.Touched = n.Touched[1:]
	}
	return n
}

// since returns the organisations that were touched after a former change, if the head still knows.
func (h head) since(n uint64) ([]symbolon.OrgID, bool) {
	if n > h.N || h.N-n > uint64(len(h.Touched)) {
		return nil, false
	}
	return once(slices.Concat(h.Touched[len(h.Touched)-int(h.N-n):]...)), true
}

// snapshot is the tree at a moment.
type snapshot struct {
	head   head
	forest *Forest
}

// signed is a record that only this realm can have written (S6): a writer of the database can take the tree away, and
// then nobody comes in, but cannot make it looser nor approve a change.
type signed struct {
	Body json.RawMessage `json:"body"`
	MAC  []byte          `json:"mac"`
}

func mac(key []byte) func(name string, body []byte) []byte {
	return func(name string, body []byte) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(name + "\x00"))
		h.Write(body)
		return h.Sum(nil)
	}
}

func (t *Tree) sign(tx *table.Tx, name string, v any, expires time.Time) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return table.Put(tx, name, signed{body, t.mac(name, body)}, expires)
}

// verify reads a signed record.
func verify[T any](t *Tree, name string, s signed) (v T, err error) {
	if !hmac.Equal(s.MAC, t.mac(name, s.Body)) {
		return v, unreadable(fmt.Errorf("%s was not written by this realm", name))
	}
	if err := strict(s.Body, &v); err != nil {
		return v, unreadable(fmt.Errorf("%s: %w", name, err))
	}
	return v, nil
}

// strict decodes JSON of ours. What a newer version demands must not be left out.
func strict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// unreadable says that the tree cannot be relied upon, so that nobody comes in.
func unreadable(err error) error {
	return fmt.Errorf("%w: %w: %w", symbolon.ErrUnavailable, table.ErrCorrupt, err)
}

// head reads the head; that of an empty tree if there is none.
func (t *Tree) head(v *table.View) (h head, err error) {
	s, ok, err := table.Get[signed](v, headName)
	switch {
	case err != nil:
		return h, unreadable(err)
	case !ok:
		h.Sum = (&Forest{}).digest()
		return h, nil
	}
	return verify[head](t, headName, s)
}
