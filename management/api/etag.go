package api

import (
	"net/http"
	"strconv"
	"strings"

	"credence/management"
)

// version reads If-Match (RFC 9110, section 13.1.1): one strong entity tag as
// ETag gave it. Lists and * would not say which state the change is meant for.
func version(r *http.Request, needed bool) (int64, error) {
	values := r.Header.Values("If-Match")
	if len(values) == 0 {
		if !needed {
			return 0, nil
		}
		return 0, &management.Error{
			Code: management.CodePreconditionRequired, Message: "this change must say which state it is meant for",
			Fields: []management.FieldError{{Field: "If-Match", Problem: "is missing", Remedy: "read the object and send its ETag in If-Match"}},
		}
	}
	tag := strings.TrimSpace(values[0])
	if len(values) > 1 || len(tag) < 2 || tag[0] != '"' || strings.Count(tag, `"`) != 2 || tag[len(tag)-1] != '"' {
		return 0, malformed("If-Match", "is not one strong entity tag", `send the ETag of the object as it was answered, e.g. "3"`)
	}
	n, err := strconv.ParseInt(tag[1:len(tag)-1], 10, 64)
	if err != nil || n < 1 {
		return 0, &management.Error{
			Code: management.CodeStaleVersion, Message: "If-Match is no ETag of this object; read it again",
		}
	}
	return n, nil
}
