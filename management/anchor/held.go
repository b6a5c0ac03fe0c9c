package anchor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// ending is how the names of what [Object.Hold] puts end.
const ending = ".jsonl"

// errNothing: an empty place proves nothing, so reading it is no success.
var errNothing = errors.New("holds nothing that ends with " + ending + "; correct the bucket or the prefix")

// Read answers what is held: the object that the address names, when it ends with
// .jsonl, or all under the prefix that do, in the order of their names, one after
// another. They are fetched while they are read; the context is that of all.
func (o *Object) Read(ctx context.Context) (io.ReadCloser, error) {
	names := []string{strings.TrimSuffix(o.prefix, "/")}
	if !strings.HasSuffix(names[0], ending) {
		var err error
		if names, err = o.names(ctx); err != nil {
			return nil, fmt.Errorf("object store %s: %w%s", o.name, err, readRemedy(err))
		}
	}
	r := &reading{names: names, open: func(name string) (io.ReadCloser, error) {
		found, err := o.client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(o.bucket), Key: aws.String(name)})
		if err != nil {
			return nil, fmt.Errorf("object store %s: %s: %w%s", o.name, name, err, readRemedy(err))
		}
		return found.Body, nil
	}}
	return r, r.next() // what cannot be had at all is known at once
}

func (o *Object) names(ctx context.Context) (found []string, err error) {
	pages := s3.NewListObjectsV2Paginator(o.client, &s3.ListObjectsV2Input{Bucket: aws.String(o.bucket), Prefix: aws.String(o.prefix)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, object := range page.Contents {
			if name := aws.ToString(object.Key); strings.HasSuffix(name, ending) {
				found = append(found, name)
			}
		}
	}
	if len(found) == 0 {
		return nil, errNothing
	}
	return found, nil
}

func readRemedy(err error) string {
	if code(err) == "AccessDenied" {
		return ": allow s3:GetObject on what is under the prefix, and s3:ListBucket on the bucket, to who reads"
	}
	return remedy(err)
}

// reading reads one object after another.
type reading struct {
	names []string // not opened yet
	open  func(name string) (io.ReadCloser, error)
	now   io.ReadCloser // nil at the end
	err   error
}

// next opens the next object, if there is one.
func (r *reading) next() error {
	r.now = nil
	if len(r.names) > 0 {
		r.now, r.err = r.open(r.names[0])
		r.names = r.names[1:]
	}
	return r.err
}

// Read implements [io.Reader].
func (r *reading) Read(p []byte) (n int, err error) {
	for {
		if r.err != nil {
			return 0, r.err
		}
		if r.now == nil {
			return 0, io.EOF
		}
		n, err = r.now.Read(p)
		if errors.Is(err, io.EOF) {
			if err = r.now.Close(); err == nil {
				err = r.next()
			}
			r.err = err
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Close implements [io.Closer].
func (r *reading) Close() error {
	r.names = nil
	if r.now == nil {
		return nil
	}
	return r.now.Close()
}
