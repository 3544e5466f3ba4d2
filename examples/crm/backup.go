package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/symbolon-auth/symbolon/storage/backup"
)

// backUp copies everything that is known here into an encrypted file, while the
// server runs or not. It never writes over a file: the last good one may be the
// only one.
func backUp(ctx context.Context, out io.Writer, p place, file string) error {
	k, err := readKeys(p.keys())
	if err != nil {
		return fmt.Errorf("-backup: nothing has been started here yet: %w", err)
	}
	store, letGo, err := p.openDurable(ctx)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return errors.Join(err, letGo())
	}
	sum, err := backup.Export(ctx, f, store, []string{tenant}, k.Backup, &backup.Options{Reason: "crm -backup"})
	if err = errors.Join(err, f.Sync(), f.Close(), letGo()); err != nil {
		return errors.Join(err, os.Remove(file))
	}
	fmt.Fprintf(out, "%d records are in %s. To read it takes %s: keep that too, and elsewhere.\n", sum.Records, file, p.keys())
	return nil
}

// wishes are what a restore must not decide by itself.
type wishes struct {
	replace    bool // what is there now goes; what it says to be locked or revoked is locked or revoked again
	acceptLoss bool // nobody knows what was locked or revoked since, so it comes back
}

// restore brings a backup back, into the same engine or another, while the
// server is stopped. The keys that belong to it must lie beside the database.
func restore(ctx context.Context, out io.Writer, p place, file string, w wishes) error {
	k, err := readKeys(p.keys())
	if err != nil {
		return fmt.Errorf("-restore: put the keys that belong to the backup into %s: %w", p.keys(), err)
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	store, letGo, err := p.openDurable(ctx)
	if err != nil {
		return err
	}
	o := &backup.Options{Reason: "crm -restore"}
	if w.replace {
		o.Replace, o.Log = []string{tenant}, store
	}
	if w.acceptLoss {
		o.AcceptLoss = []string{tenant}
	}
	sum, err := backup.Import(ctx, f, store, k.Backup, o)
	switch {
	case errors.Is(err, backup.ErrOccupied):
		err = fmt.Errorf("%w (here: -replace)", err)
	case errors.Is(err, backup.ErrLoss):
		err = fmt.Errorf("%w (here: -replace on the database itself, or -accept-loss)", err)
	}
	if err = errors.Join(err, letGo()); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d records of %s are back in %s; %d sessions, calls and codes ended.\n",
		sum.Records, sum.Made.Format(time.DateTime), p, sum.Ended)
	return nil
}
