// Package lint looks at all policy rows together and tells an admin what is wrong with them before a partner finds out.
//
// It never says less than package policy does: each [policy.Fault] is a finding. It adds what no row shows by itself,
// such as a row that another always comes before, a door that is open to more people than was meant, and, if a
// directory can be asked, groups that take no guests and sponsors who have left.
//
// It must not know where rows are kept or how the directory is asked, and it reads no clock.
package lint
