package signature

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// maxBody bounds what a receiver reads, in bytes.
const maxBody = 1 << 20

// Received is a message that came, and whether it was what it should be.
type Received struct {
	ID   string
	Body []byte
	Err  error // why it was refused; nil when the signature fits
}

// Receiver verifies what comes and hands it on, one after another. It answers
// 204 for what is signed, 401 for what is not, and 413 for what is too long.
func Receiver(secret Secret, now func() time.Time, each func(Received)) http.Handler {
	turn := make(chan struct{}, 1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		code := http.StatusRequestEntityTooLarge
		if err == nil {
			code = http.StatusNoContent
			if err = Verify(r.Header.Get, body, now(), secret); err != nil {
				code = http.StatusUnauthorized
			}
		}
		turn <- struct{}{}
		each(Received{ID: r.Header.Get(HeaderID), Body: body, Err: err})
		<-turn
		w.WriteHeader(code)
	})
}

// Serve answers on the listener until ctx ends.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	closed := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { closed <- server.Close() })
	defer stop()
	err := server.Serve(l)
	if ctx.Err() != nil && errors.Is(err, http.ErrServerClosed) {
		return <-closed
	}
	return err
}
