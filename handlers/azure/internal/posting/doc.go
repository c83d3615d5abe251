// Package posting is what the adapters to channels share: one POST over HTTPS to an address of the
// settings, and what its outcome means for a notice.
//
//	Guard      which addresses may be called: checked on what a name has resolved to
//	Poster     one attempt, without redirects, proxies, compression or a second connection
//	Answer     status, code and request id; no words of the receiver
//
// The address of a channel can hold a secret, and who answers is not always who was meant. So no
// error and no line of the log has a part of the address or of a body.
//
// It must not know any channel. It imports only azure/identity, azure/internal/rest, problem,
// request and submission of this module.
package posting
