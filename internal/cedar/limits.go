package cedar

import "fmt"

const (
	// maxSource bounds the bytes of one text: ten times the ten thousand
	// policies of a large carrier.
	maxSource = 32 << 20

	// maxPolicy bounds the bytes of one policy. Parser, validator and evaluator
	// call themselves once per level of nesting, and an exhausted stack ends the
	// process: a text of nothing but parentheses must not reach them.
	maxPolicy = 32 << 10
)

// tooMuch reports why a text is not even parsed, or nothing. It measures what
// lies between two semicolons that are in neither string nor comment.
func tooMuch(text string) string {
	if len(text) > maxSource {
		return fmt.Sprintf("the text has %d bytes, at most %d are allowed", len(text), maxSource)
	}
	line, start, startLine := 1, 0, 1
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\n':
			line++
		case '"':
			for i++; i < len(text) && text[i] != '"' && text[i] != '\n'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case '/':
			if i+1 < len(text) && text[i+1] == '/' {
				for i+1 < len(text) && text[i+1] != '\n' {
					i++
				}
			}
		case ';':
			start, startLine = i+1, line
		}
		if i-start > maxPolicy {
			return fmt.Sprintf("the policy after line %d has more than %d bytes", startLine, maxPolicy)
		}
	}
	return ""
}
