// Package admin is what an admin does with policy rows from the outside: look at them, ask what they would decide and
// what they would have decided, and take the table from one state to another without treading on anybody's edit. It also
// says what requests and the breaker tell an operator, and how well each part of a deployment is.
//
// Every answer is a value that says the same as JSON as it does on paper. Decisions come from the very function that
// decides on real submissions, invite.Decider; nothing here knows what a column means, so a new column needs no change
// here.
//
// What it returns can hold addresses and is for the admin alone, not for a log. It must not know where rows and
// requests are kept, nor how the admin asks.
package operate
