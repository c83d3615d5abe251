// Package formtoken makes and checks the token that every form carries in a hidden field: proof that our form was fetched before it was
// sent, not too shortly and not too long ago. Nothing is stored, so any instance checks what any other issued, also after a restart.
//
// A token is bound to the deployment by its key, to this use by a name inside the key's derivation, and to its time. It is not bound to
// an address, a browser or a session: partners change networks between two pages, and a bot that sends from where it fetched loses
// nothing by such a bond.
//
// A token may be sent more than once until it expires; there is no list of used ones, since the public function writes no table. What that
// is good for is bounded twice. [Token.Mark] gives the same content under the same token the same mark, of which the form makes the
// request's id, so a form that is sent twice is one request, and a recorded one that is played back changes nothing. And
// other content under the same token still costs the sender's share of the brake. The mark depends on the content, because a mark of
// the token alone would open a hole: a partner who goes back, mends a typing error and sends again would be taken for the first submission,
// and whoever got to see a token could send something under it first and have the partner's own submission dropped.
//
// It must not know forms, submissions or HTTP.
package formtoken
