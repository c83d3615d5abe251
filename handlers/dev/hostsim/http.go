package hostsim

import (
	"errors"
	"io"
	"net/http"
)

// serveHTTP answers a request with the function of its route and method.
func (h *Host) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.begin() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	defer h.running.Done()
	if status := overLimit(r); status != 0 {
		w.Header().Set("Connection", "close")
		w.WriteHeader(status)
		return
	}
	path := decodePath(r.URL.EscapedPath())
	f, params := find(h.functions, r.Method, path)
	if f == nil {
		if path == "/" {
			h.serveHomePage(w)
			return
		}
		w.WriteHeader(http.StatusNotFound)
		return
	}
	err := h.keys.lookUp(r, h.now())
	if err != nil {
		h.log.Error("the function keys can't be read", "cause", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	if r.ContentLength > h.maxBody {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.maxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	// The host does not cancel the invocation if the client disconnects.
	response, err := h.answer(f, httpEnvelope(f, r, params, body, h.now()))
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	header := w.Header()
	for name, values := range response.header {
		header[name] = values
	}
	w.WriteHeader(response.status)
	_, _ = w.Write(response.body)
}

// answer invokes the function and returns its response, or an error if an output could not be
// sent.
func (h *Host) answer(f *function, e envelope) (httpResponse, error) {
	r, err := h.invoke(f, e)
	if err != nil {
		return httpResponse{}, err
	}
	response, err := r.httpResponse(f.responseName())
	// The host binds all outputs in parallel: messages are sent even if the response is invalid.
	failure := h.bind(f, r)
	if err != nil {
		h.log.Error("the response is invalid", "function", f.name, "cause", err)
		return httpResponse{}, err
	}
	return response, failure
}
