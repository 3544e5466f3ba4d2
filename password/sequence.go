package password

import (
	"strings"
	"unicode"
)

const (
	longRun  = 5 // characters in a row that are too many anywhere
	shortRun = 3 // that are a run where hardly anything else is in the password
	spare    = 3 // characters outside of such runs that make it something else
)

// keyboard rows and columns, in the order in which a finger walks them. Alphabets and digits need none: they are in order
// already, in every script.
var keyboard = neighbours(
	"`1234567890-=", "~!@#$%^&*()_+", "0123456789",
	"qwertyuiop[]\\", "asdfghjkl;'", "zxcvbnm,./", // the United States
	"qwertzuiop", "yxcvbnm", // Germany
	"azertyuiop", "qsdfghjklm", "wxcvbn", // France
	"1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "8ik,", "9ol.", "0p;/",
	"147", "258", "369", "159", "357", // the digits beside them
)

// rows is a set of rows, a bit for each; the last one is for alphabets and digits.
type rows uint32

const inOrder rows = 1 << 31

type neighbour struct {
	key byte
	in  rows
}

func neighbours(lines ...string) (next [128][]neighbour) {
	for row, line := range lines {
	keys:
		for i := range len(line) - 1 {
			at := next[line[i]]
			for j := range at {
				if at[j].key == line[i+1] {
					at[j].in |= 1 << row
					continue keys
				}
			}
			next[line[i]] = append(at, neighbour{line[i+1], 1 << row})
		}
	}
	return next
}

// follows returns the rows in which b comes right after a.
func follows(a, b rune) (in rows) {
	if b == a+1 && (unicode.IsLetter(a) && unicode.IsLetter(b) || unicode.IsDigit(a) && unicode.IsDigit(b)) {
		in = inOrder
	}
	if a < 128 && b < 128 {
		for _, n := range keyboard[a] {
			if rune(n.key) == b {
				return in | n.in
			}
		}
	}
	return in
}

// sequence reports whether a password contains a long run of neighbours in an alphabet, in the digits or on a keyboard,
// forwards or backwards, or consists of short ones, as abcd1234 does.
func sequence(password []rune) bool {
	var up, down runs
	for i := 1; i < len(password); i++ {
		a, b := unicode.ToLower(password[i-1]), unicode.ToLower(password[i])
		u, d := follows(a, b), follows(b, a)
		if up.step(i, u) || down.step(i, d) {
			return true
		}
		up.covered = max(up.covered, down.covered) // of both directions together
		up.to = max(up.to, down.to)
		down.covered, down.to = up.covered, up.to
	}
	return up.all(len(password))
}

// repetition reports whether one character stands too often in a row, or the whole is one piece over and over.
func repetition(password []rune) bool {
	var r runs
	for i := 1; i < len(password); i++ {
		var same rows
		if password[i] == password[i-1] {
			same = 1
		}
		if r.step(i, same) {
			return true
		}
	}
	return r.all(len(password)) || repeats(string(password))
}

// runs remembers, while a password is read, how it came here and how much of it was in runs.
type runs struct {
	last    [longRun - 2]rows // steps before, newest first
	covered int               // characters in runs
	to      int               // where the last of them ended
}

// step takes the step to the character at i, and reports whether a long run ends there.
func (r *runs) step(i int, in rows) bool {
	if in&r.last[0] != 0 {
		r.covered += i + 1 - max(r.to, i+1-shortRun)
		r.to = i + 1
	}
	long := in
	for _, before := range r.last {
		long &= before
	}
	copy(r.last[1:], r.last[:])
	r.last[0] = in
	return long != 0
}

func (r *runs) all(length int) bool { return r.covered > 0 && length-r.covered < spare }

// repeats reports whether s is a shorter text two or more times.
func repeats(s string) bool { return s != "" && strings.Contains((s + s)[1:2*len(s)-1], s) }
