// Package lint checks all policy rows together and tells an admin what is wrong with them before
// a partner finds out.
//
// Each [policy.Fault] is a finding. Others are about what no single row shows: a row that is
// never reached because another always comes first, an invitation to more people than intended
// and, with a [Directory], groups that accept no guests, sponsors that are disabled, and decisions
// that nobody can make.
//
// The package must not know where rows are kept or how the directory is asked. It reads no clock.
// It imports only maildomain, policy, problem, request and submission of this module.
package lint
