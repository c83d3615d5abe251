package request

// MaxProofTries is how many codes can be typed for a request.
const MaxProofTries = 5
