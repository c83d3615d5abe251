// Package problemdetails says how errors look over HTTP (RFC 9457): the status and the title of
// each code. It is the only place where a code becomes a status.
//
// It must import only package problem, so that the pages and the host's protocol can share it. It
// imports only problem of this module.
package problemdetails

import (
	"net/http"

	"guestlist/handlers/problem"
)

// kind is how a code is answered.
type kind struct {
	status int
	title  string
}

var kinds = map[problem.Code]kind{
	problem.InvalidInput:         {http.StatusUnprocessableEntity, "Some fields need another look"},
	problem.MalformedBody:        {http.StatusBadRequest, "The request can't be read"},
	problem.BodyMissing:          {http.StatusBadRequest, "The request has no body"},
	problem.BodyTooLarge:         {http.StatusRequestEntityTooLarge, "The request is too large"},
	problem.UnsupportedMediaType: {http.StatusUnsupportedMediaType, "The content type is not supported"},
	problem.MethodNotAllowed:     {http.StatusMethodNotAllowed, "The method is not allowed here"},
	problem.NotFound:             {http.StatusNotFound, "Nothing is here"},
	problem.OriginRefused:        {http.StatusForbidden, "The sender is not allowed"},
	problem.FormStale:            {http.StatusForbidden, "The form must be sent again"},
	problem.CaptchaFailed:        {http.StatusForbidden, "The challenge was not passed"},
	problem.TooManyRequests:      {http.StatusTooManyRequests, "Too many requests"},
	problem.SignInNeeded:         {http.StatusUnauthorized, "A sign-in is needed"},
	problem.SignInRefused:        {http.StatusForbidden, "The sign-in is refused"},
	problem.SignInUnavailable:    {http.StatusServiceUnavailable, "The service is busy"},
	problem.Internal:             {http.StatusInternalServerError, "Something went wrong on our side"},
	problem.Conflict:             {http.StatusConflict, "Somebody else changed this first"},
	problem.StorageUnavailable:   {http.StatusServiceUnavailable, "The service is busy"},
	problem.RecordUnreadable:     {http.StatusInternalServerError, "Something went wrong on our side"},
	problem.MalformedMessage:     {http.StatusBadRequest, "The message can't be read"},
	problem.CaptchaUnavailable:   {http.StatusServiceUnavailable, "The service is busy"},
}

// Status returns the HTTP status for the code. A code that is not one of package problem, such as
// one of the directory's, is an internal error: the public must not learn from it who has an
// account.
func Status(code problem.Code) int { return of(code).status }

// Title returns a short text for the public that is the same for every occurrence of the code.
func Title(code problem.Code) string { return of(code).title }

// Passes reports whether the status asks for the same request again, later.
func Passes(code problem.Code) bool {
	status := Status(code)
	return status >= http.StatusInternalServerError || status == http.StatusTooManyRequests || status == http.StatusConflict
}

func of(code problem.Code) kind {
	k, known := kinds[code]
	if !known {
		return kinds[problem.Internal]
	}
	return k
}
