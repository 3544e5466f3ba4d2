package audit

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
)

// Log reads what was recorded in a realm. It is safe for concurrent use. Who
// may read it is the caller's to decide, with a Guard.
type Log struct{ space *table.Space }

// NewLog returns the realm's Log.
func NewLog(r *symbolon.Realm) (*Log, error) {
	if r == nil {
		return nil, fmt.Errorf("audit: %w: NewLog needs a Realm", symbolon.ErrInvalid)
	}
	p := r.Parts(seal.Ours())
	return &Log{table.New(p.Store, p.Tenant, p.Now, p.Rand)}, nil
}

// Query says which records to list. Its fields must all hold; an empty one
// holds for every record.
type Query struct {
	Actor       symbolon.ActorID
	Subject     symbolon.SubjectID
	Interaction symbolon.InteractionID
	Event       string
	Since       time.Time // first instant
	Until       time.Time // first instant that is no longer listed
	Limit       int       // most records; 100 by default, 1000 at most
	After       string    // Page.Next of the page before
}

// Page is a part of the answer to a Query.
type Page struct {
	Records []Record // by time
	Next    string   // for Query.After; empty at the end
}

const (
	defaultLimit = 100
	maxLimit     = 1000 // records of some 500 bytes: half a megabyte a page
	scanPage     = 256
)

// List returns what matches, oldest first. Every query looks through all of the
// tenant's records since Query.Since, whatever else it asks for: bound it by time. The error wraps
// symbolon.ErrUnavailable if the store fails; a record that cannot be read
// fails the list rather than being left out.
func (l *Log) List(ctx context.Context, q Query) (Page, error) {
	if q.Limit < 0 || q.Limit > maxLimit {
		return Page{}, fmt.Errorf("audit: %w: Query.Limit is %d, must be 0 to %d", symbolon.ErrInvalid, q.Limit, maxLimit)
	}
	if q.After != "" && (!strings.HasPrefix(q.After, prefix) || storage.ValidScan("audit", prefix, q.After, scanPage) != nil) {
		return Page{}, fmt.Errorf("audit: %w: Query.After is not the Next of a page", symbolon.ErrInvalid)
	}
	limit := cmp.Or(q.Limit, defaultLimit)
	type found struct {
		name string
		rec  Record
	}
	var all []found
	for sh := range table.Shard(table.Shards) {
		// A counter's name is the start of its day, so the scan begins there.
		after := max(q.After, rowName(q.Since.UTC().Truncate(24*time.Hour), ""))
		if q.Since.IsZero() {
			after = q.After
		}
		for n := 0; n <= limit; {
			rows, next, err := l.space.Scan(ctx, sh, prefix, after, scanPage)
			if err != nil {
				return Page{}, fmt.Errorf("audit: %w", err)
			}
			for _, row := range rows {
				rec, err := table.Decode[Record](row)
				if err != nil {
					return Page{}, fmt.Errorf("audit: %w", err)
				}
				if q.matches(rec) {
					all = append(all, found{row.Name, rec})
					n++
				}
			}
			if after = next; next == "" || !q.Until.IsZero() && next >= rowName(q.Until, "") {
				break
			}
		}
	}
	slices.SortFunc(all, func(a, b found) int { return strings.Compare(a.name, b.name) })
	var p Page
	if len(all) > limit {
		all = all[:limit]
		p.Next = all[limit-1].name
	}
	for _, f := range all {
		p.Records = append(p.Records, f.rec)
	}
	return p, nil
}

func (q Query) matches(r Record) bool {
	return (q.Actor == "" || q.Actor == r.Actor) &&
		(q.Subject == "" || q.Subject == r.Subject) &&
		(q.Interaction == "" || q.Interaction == r.Interaction) &&
		(q.Event == "" || q.Event == r.Event) &&
		!r.Time.Before(q.Since) &&
		(q.Until.IsZero() || r.Time.Before(q.Until))
}
