// Package formtoken makes and checks the token in a hidden field of every form: proof that our
// form was fetched before it was sent, not too recently and not too long ago. Nothing is stored,
// so every instance checks the tokens of every other, also after a restart.
//
// A token is bound to the deployment by its key, to this use by the derivation of the key, and to
// its time. It is not bound to an address, a browser or a session: partners change networks
// between two pages, and a bot can send from where it fetched.
//
// A token may be sent several times until it expires, since the public function writes no table.
// Two things bound that. [Token.Mark] gives the same content under the same token the same mark,
// and the form makes the request's id of the mark, so a form that is sent twice or replayed is
// one request. Other content under the same token counts against the sender's rate limit. The
// mark depends on the content: with a mark of the token alone, a partner who goes back, corrects
// an error and sends again would be taken for the first submission, and an attacker who saw a
// token could send something under it first and so have the partner's own submission dropped.
//
// It must not know forms, submissions or HTTP. It imports nothing of this module.
package formtoken
