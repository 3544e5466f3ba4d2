package backup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
)

// What is sealed is lines of JSON, of which each has one member: a title, then
// records by tenant, shard and name, then an end.
type line struct {
	Title  *title `json:"title,omitempty"`
	Record *entry `json:"record,omitempty"`
	End    *end   `json:"end,omitempty"`
}

const format = 1

type title struct {
	V       int       `json:"v"`
	Made    time.Time `json:"made"`
	Tenants []string  `json:"tenants"`
}

// entry is one record, without its version: what is restored gets a new one, or
// a process that read the old record could still replace the restored one.
type entry struct {
	Tenant  int    `json:"t"` // by its place in the title
	Shard   string `json:"s"`
	Name    string `json:"n"`
	Value   []byte `json:"x"`
	Expires int64  `json:"e,omitempty"` // milliseconds since 1970
}

type end struct {
	Records int      `json:"records"`
	Fenced  []string `json:"fenced,omitempty"` // tenants in which nothing can have happened since
}

func (e entry) shard() table.Shard {
	sh, _ := table.ParseShard(e.Shard)
	return sh
}

func (e entry) place() place { return place{e.shard(), e.Name} }

func (e entry) expires() time.Time {
	if e.Expires == 0 {
		return time.Time{}
	}
	return time.UnixMilli(e.Expires).UTC()
}

func (e entry) live(now time.Time) bool {
	return e.Expires == 0 || e.Expires > now.UnixMilli()
}

// before is the order of entries in a file, in which none is twice.
func (e entry) before(f entry) bool {
	if e.Tenant != f.Tenant {
		return e.Tenant < f.Tenant
	}
	if e.Shard != f.Shard {
		return e.Shard < f.Shard
	}
	return e.Name < f.Name
}

// check holds an entry to what an Export can have written.
func (e entry) check(tenants int) error {
	if e.Tenant < 0 || e.Tenant >= tenants || e.Expires < 0 || len(e.Value) > storage.MaxPage {
		return errors.New("a record out of bounds")
	}
	if _, ok := table.ParseShard(e.Shard); !ok {
		return errors.New("a record in no shard")
	}
	return storage.ValidNames("any", []string{e.Name})
}

// file is a backup that can be read as often as is needed.
type file struct {
	from  io.ReadSeeker
	start int64
	key   []byte
	head  []byte // of the first reading; a file that is exchanged in between is refused
}

func openFile(r io.ReadSeeker, key []byte) (*file, error) {
	start, err := r.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, fmt.Errorf("backup: read the file: %w", err)
	}
	return &file{from: r, start: start, key: key}, nil
}

// each calls f with every record of the file. Only a file that each has read to
// its end is whole, so the first time f does nothing that cannot be undone.
func (b *file) each(f func(title, entry) error) (title, end, error) {
	if _, err := b.from.Seek(b.start, io.SeekStart); err != nil {
		return title{}, end{}, fmt.Errorf("backup: read the file: %w", err)
	}
	o, err := newOpener(b.from, b.key)
	if err != nil {
		return title{}, end{}, err
	}
	if b.head == nil {
		b.head = o.head
	} else if !bytes.Equal(b.head, o.head) {
		return title{}, end{}, fmt.Errorf("%w: it was exchanged while it was read", ErrDamaged)
	}
	head, last, err := lines(o, f)
	if o.failed != nil { // the disk does not answer; that says nothing about the file
		err = o.failed
	}
	return head, last, err
}

// lines reads the lines of a file.
func lines(r io.Reader, f func(title, entry) error) (head title, last end, err error) {
	d := json.NewDecoder(r)
	next := func() (l line, err error) {
		if err = d.Decode(&l); err != nil {
			err = fmt.Errorf("%w: it is not written as a backup is", ErrDamaged)
		}
		return l, err
	}
	l, err := next()
	switch {
	case err != nil:
		return head, last, err
	case l.Title == nil || l.Title.V < 1 || len(l.Title.Tenants) == 0:
		return head, last, fmt.Errorf("%w: it has no title", ErrDamaged)
	case l.Title.V > format:
		return head, last, fmt.Errorf("backup: the file's format %d is newer than %d, upgrade this process", l.Title.V, format)
	}
	head = *l.Title
	former, records := entry{Tenant: -1}, 0
	for {
		if l, err = next(); err != nil {
			return head, last, err
		}
		if l.Record == nil {
			break
		}
		if err := l.Record.check(len(head.Tenants)); err != nil {
			return head, last, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if l.Record.Value == nil { // so some engines return what is empty, and it is there all the same
			l.Record.Value = []byte{}
		}
		if !former.before(*l.Record) {
			return head, last, fmt.Errorf("%w: its records are not in order", ErrDamaged)
		}
		if err := f(head, *l.Record); err != nil {
			return head, last, err
		}
		former, records = *l.Record, records+1
	}
	if l.End == nil || l.End.Records != records {
		return head, last, fmt.Errorf("%w: it has no end", ErrDamaged)
	}
	if _, err := d.Token(); err != io.EOF {
		return head, last, fmt.Errorf("%w: something follows its end", ErrDamaged)
	}
	return head, *l.End, nil
}
