package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// maxAnswer is the most of an answer that is read: far more than a page of
// the largest objects.
const maxAnswer = 64 << 20

// call makes one request from the tags of in and decodes the answer into O.
func call[O any](ctx context.Context, c *Client, method, path string, in any) (O, error) {
	var out O
	answer, err := c.exchange(ctx, method, path, in)
	if err != nil {
		return out, err
	}
	if len(answer) == 0 {
		return out, nil
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return out, fmt.Errorf("%s %s: answer cannot be understood: %w", method, path, err)
	}
	return out, nil
}

func (c *Client) exchange(ctx context.Context, method, path string, in any) ([]byte, error) {
	req, err := c.request(ctx, method, path, in)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, unreachable(ctx, c.base, err)
	}
	defer res.Body.Close() //nolint:errcheck // nothing left to lose: what was read is what counts
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, unreachable(ctx, c.base, err)
	}
	if len(answer) > maxAnswer {
		return nil, fmt.Errorf("%s %s: answer is larger than %d bytes", method, path, maxAnswer)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return nil, problem(res, answer)
	}
	return answer, nil
}

// unreachable tells the caller's own end of patience from a server that
// cannot be reached. The URL error's text repeats method and URL: left out.
func unreachable(ctx context.Context, base *url.URL, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return fmt.Errorf("%w at %s: %w", ErrUnreachable, base, err)
}

// problem decodes an answer that is not a success. What does not speak
// problem+json is not our API: a proxy, or another server on the port.
func problem(res *http.Response, answer []byte) error {
	e := &Error{}
	kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err == nil && kind == "application/problem+json" && json.Unmarshal(answer, e) == nil && e.Code != "" {
		e.Status = res.StatusCode
		return e
	}
	detail := "the answer is not the management API's: is the address right, or is a proxy in between?"
	if res.StatusCode >= 300 && res.StatusCode < 400 {
		detail = "redirected, which is refused to keep the admin token here: give the final address"
	}
	return &Error{
		Type: "about:blank", Title: http.StatusText(res.StatusCode), Status: res.StatusCode,
		Code: "unexpected_answer", Detail: "HTTP " + strconv.Itoa(res.StatusCode) + ": " + detail,
	}
}

func (c *Client) request(ctx context.Context, method, path string, in any) (*http.Request, error) {
	p := parts{path: path, query: url.Values{}, header: http.Header{}}
	if err := p.read(reflect.ValueOf(in)); err != nil {
		return nil, err
	}
	target := *c.base
	unescaped, err := url.PathUnescape(p.path)
	if err != nil {
		return nil, err
	}
	target.Path, target.RawPath, target.RawQuery = unescaped, p.path, p.query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(p.body))
	if err != nil {
		return nil, err
	}
	req.Header = p.header
	if p.body != nil {
		req.Header.Set("Content-Type", "application/json")
		if method == http.MethodPatch {
			req.Header.Set("Content-Type", "application/merge-patch+json")
		}
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.userAgent)
	if token := c.token.Reveal(); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, nil
}

// parts is a request as the tags of an input say it.
type parts struct {
	path   string
	query  url.Values
	header http.Header
	body   []byte
}

func (p *parts) read(in reflect.Value) error {
	for field, value := range in.Fields() {
		if field.Anonymous {
			if err := p.read(value); err != nil {
				return err
			}
			continue
		}
		if err := p.field(field, value); err != nil {
			return fmt.Errorf("%s: %w", field.Name, err)
		}
	}
	return nil
}

func (p *parts) field(field reflect.StructField, value reflect.Value) (err error) {
	if field.Name == "Body" {
		if value.Kind() != reflect.Pointer || !value.IsNil() {
			p.body, err = json.Marshal(value.Interface())
		}
		return err
	}
	if name, ok := field.Tag.Lookup("path"); ok {
		text, err := parameter(value)
		// "." and ".." would change the path itself and cannot be escaped.
		if err == nil && (text == "" || text == "." || text == "..") {
			err = fmt.Errorf("%q cannot stand in a path", text)
		}
		p.path = strings.Replace(p.path, "{"+name+"}", url.PathEscape(text), 1)
		return err
	}
	if value.IsZero() {
		return nil
	}
	text, err := parameter(value)
	if name, ok := field.Tag.Lookup("query"); ok {
		p.query.Set(name, text)
	}
	if name, ok := field.Tag.Lookup("header"); ok {
		p.header.Set(name, text)
	}
	return err
}

func parameter(value reflect.Value) (string, error) {
	switch v := value.Interface().(type) {
	case string:
		return v, nil
	case int:
		return strconv.Itoa(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	case time.Time:
		return v.Format(time.RFC3339Nano), nil
	default:
		return "", fmt.Errorf("no parameter can be a %s", value.Type())
	}
}
