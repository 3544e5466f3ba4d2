package backup

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
)

// since returns what happened since the backup, or refuses if nobody can tell
// and nobody has confirmed it.
func (m *restore) since(ctx context.Context, i int, tenant string) (*history, error) {
	accepted, moved := slices.Contains(m.AcceptLoss, tenant), slices.Contains(m.Moved, tenant)
	if !accepted && moved {
		switch age := m.now.Sub(m.title.Made); {
		case !slices.Contains(m.fenced, tenant):
			return nil, fmt.Errorf("%w: %q: it was not fenced when the file was made, so this is no move", ErrLoss, tenant)
		case age > aMove || age < -overlap:
			return nil, fmt.Errorf("%w: %q: the file was made at %s, and that of a move is good for %v; export it again",
				ErrLoss, tenant, m.title.Made.Format(time.RFC3339), aMove)
		}
	}
	if m.Log == nil && !accepted && !moved {
		return nil, fmt.Errorf("%w: %q", ErrLoss, tenant)
	}
	used := map[string]bool{}
	if !accepted && slices.Contains(m.Replace, tenant) {
		var err error
		if used, err = m.used(ctx, i, tenant); err != nil {
			return nil, err
		}
	}
	h, missing := &history{}, 0
	if m.Log != nil {
		var err error
		if h, missing, err = readHistory(ctx, m.Log, tenant, m.title.Made, m.has[i], used); err != nil {
			return nil, err
		}
	}
	switch {
	case accepted:
	case len(used) > 0:
		return nil, fmt.Errorf("%w: %q: the target was in use since the file was made, by %d audit records that nothing else tells of; give the target itself as Options.Log",
			ErrLoss, tenant, len(used))
	case m.Log != nil && m.title.Made.After(m.now.Add(overlap)): // the log would be read from too late on
		return nil, fmt.Errorf("%w: %q: the file says that it was made at %s, which is yet to come, so nobody knows since when to read Options.Log",
			ErrLoss, tenant, m.title.Made.Format(time.RFC3339))
	case missing > 0:
		return nil, fmt.Errorf("%w: %q: Options.Log lacks %d audit records that are in the backup", ErrLoss, tenant, missing)
	case len(h.unknown) > 0:
		return nil, fmt.Errorf("%w: %q: these changes since cannot be repeated from the log: %s", ErrLoss, tenant, strings.Join(h.unknown, ", "))
	}
	return h, nil
}

// used returns the audit records with which the target shows that it was a home
// since the backup: an Import came to its end there, or something happened. To
// replace it would undo that, so a file is imported once (S11). An Import that
// broke off leaves none, nor does a source that is moved back to: nobody came in.
func (m *restore) used(ctx context.Context, i int, tenant string) (map[string]bool, error) {
	names := map[string]bool{}
	err := walk(ctx, m.into, tenant, "audit/", since(m.title.Made), func(_ table.Shard, r storage.Record) error {
		if m.has[i][r.Name] {
			return nil
		}
		rec, err := table.Decode[audit.Record](table.Row{Name: r.Name, Value: r.Value})
		switch {
		case err != nil:
		case rec.Outcome == audit.Failed, rec.Outcome == audit.Denied: // as is whoever tries at half a tenant
			return nil
		case rec.Event == "tenant.imported" && rec.Outcome == audit.Begun, rec.Event == "tenant.fenced", rec.Event == "tenant.exported":
			return nil
		}
		names[r.Name] = true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	return names, nil
}
