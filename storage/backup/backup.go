// Package backup copies tenants out of a store into an encrypted file, and back
// into any store.
//
// Most programs call [Export] once a night and hope never to call [Import]. Both
// take a key of at least 32 random bytes, without which the file is noise; keep
// it apart from the files. Import reads the file to its end before it writes
// anything, so one that is damaged, cut short or somebody else's leaves the
// target untouched, and compares what it wrote record by record.
//
// A restore does not raise the dead. Sessions, calls, codes and every token end;
// call ids stay used; and what was revoked or locked after the backup was made
// is revoked and locked again from the audit log of the old store, see
// [Options.Log]. Where that is lost, the operator confirms the loss by naming
// the tenant in [Options.AcceptLoss].
//
// Export, Import and Fence rest on the time. Where the store is a [storage.Clock]
// they refuse with [storage.ErrClock] if the clock here is off; with any other
// store, if it is behind that of the processes at work there.
//
// To move a tenant to another engine, [Fence] the source, Export, and Import with
// the tenant in [Options.Moved].
package backup

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/storage"
)

// Errors of an Import. Nothing has been written, except with ErrDiffers.
var (
	ErrDamaged  = errors.New("backup: the file was damaged or cut short, or was made with another key")
	ErrOccupied = errors.New("backup: the target holds records of a tenant in the file; name it in Options.Replace to have them replaced")
	ErrLoss     = errors.New("backup: what was revoked, locked or used since the backup would come back; give Options.Log, or name the tenant in Options.AcceptLoss, or on the day of a move in Options.Moved")
	ErrDiffers  = errors.New("backup: the target does not hold what was written; do not use it")
)

// Options are the wishes of a backup and the confirmations of a restore. Nil
// means none.
type Options struct {
	// Reason stands in the audit of both stores; "backup" by default.
	Reason string

	// Log is the store from which the backup was made, or what is left of it.
	// What its audit records say to have been revoked, locked, guessed or used
	// since is so in the target too. It may be the target itself, with Replace.
	//
	// An account that was unlocked since is not unlocked, and a password that
	// was set since must be set once more: see Summary.Unbound.
	Log storage.Reader

	// AcceptLoss names the tenants for which nobody has a Log, or one that does
	// not say everything.
	AcceptLoss []string

	// Moved names the tenants that this Import moves here. Their source was fenced
	// when the file was made, so nothing can have happened there since, and neither
	// a Log nor AcceptLoss is needed. It holds for a day after the Export: later the
	// fence may have been taken back, and the file is a backup like any other. Name
	// nobody here whose source is open again; where the source can still be read,
	// give it as Log instead, which is safe even then.
	//
	// A file is moved here once. As soon as the Import has come to its end, or
	// anything has happened here since the file was made, Replace is refused with
	// ErrLoss, since it would undo that: give the target itself as Log. An Import
	// that broke off may be repeated with Replace. With a Log, Moved confirms nothing.
	Moved []string

	// Replace names the tenants whose records in the target are removed first.
	// The audit log stays, and newer records in it win. If it tells of something
	// since the backup that neither the file nor Log tells of, the Import is refused
	// with ErrLoss.
	Replace []string

	Now  func() time.Time // time.Now by default
	Rand io.Reader        // crypto/rand by default
}

// Summary tells what was done.
type Summary struct {
	Made    time.Time // when the backup was made
	Tenants []string
	Records int // that were exported, or that are in the target now

	// Of an Import:
	Ended      int                // sessions, interactions, codes and deliveries that ended
	Replayed   int                // revocations, locks, failures and used calls taken from the Log
	Unbound    []symbolon.ActorID // must be given a password again: theirs was replaced after the backup
	Unreadable int                // records that cannot be read, and so refuse whatever rests on them; kept as they are
}

const minKey = 32 // bytes

// aMove is how old the file of a move may be. One that is kept would bring back
// what was revoked since, without anybody having to say so.
const aMove = 24 * time.Hour

func (o *Options) orDefault(key []byte) (Options, error) {
	var d Options
	if o != nil {
		d = *o
	}
	if d.Reason == "" {
		d.Reason = "backup"
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Rand == nil {
		d.Rand = rand.Reader
	}
	if len(key) < minKey {
		return d, fmt.Errorf("backup: the key has %d bytes, at least %d random ones are needed", len(key), minKey)
	}
	return d, nil
}

// rightClock refuses where this clock is known to be off (S26): a file that was
// made in the future says too late since when a log is to be read, and to a clock
// that is behind no file of a move is too old.
func rightClock(ctx context.Context, store storage.Store, o Options) error {
	if err := storage.WatchClock(store, o.Now, o.Rand).Check(ctx); err != nil {
		return fmt.Errorf("backup: nothing was done: %w", err)
	}
	return nil
}

// named holds the names in an option to tenants of the file.
func named(option string, names, tenants []string) error {
	for _, name := range names {
		if !slices.Contains(tenants, name) {
			return fmt.Errorf("backup: Options.%s names %q; the file has %s", option, name, strings.Join(tenants, ", "))
		}
	}
	return nil
}
