package bicep

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Lint tells what the linter of the Bicep compiler would, as far as it can be told without the types of resources. Each fault begins with the
// name of the rule. The faults are in the order of files and rules.
func (p *Program) Lint() []Fault {
	var faults []Fault
	for _, name := range slices.Sorted(maps.Keys(p.units)) {
		for _, rule := range LintRules() {
			rules[rule](p.units[name], func(pos Pos, format string, args ...any) {
				faults = append(faults, Fault{name, pos, rule + ": " + fmt.Sprintf(format, args...)})
			})
		}
	}
	return faults
}

// LintRules returns the names of the rules that Lint knows.
func LintRules() []string { return slices.Sorted(maps.Keys(rules)) }

// tell takes a fault of a rule.
type tell func(pos Pos, format string, args ...any)

// rules are those of the compiler's linter (Azure/bicep, src/Bicep.Core/Analyzers/Linter/Rules, as of August 2026) by its names. Those are
// left out that Load finds whether anybody asks or not (what is unused or unknown).
var rules = map[string]func(*unit, tell){
	"adminusername-should-not-be-literal": func(u *unit, tell tell) {
		u.properties(func(property Property) {
			if strings.EqualFold(property.Key, "adminUsername") && property.Value.Op == String {
				tell(property.Pos, "the name stands here for everybody to read")
			}
		})
	},
	"artifacts-parameters": func(u *unit, tell tell) {
		u.declared(Param, func(d *Declaration) {
			if strings.HasPrefix(d.Name, "_artifactsLocation") {
				tell(d.Pos, "%s must be a certain way, and nobody needs it", d.Name)
			}
		})
	},
	"decompiler-cleanup": func(u *unit, tell tell) {
		for _, d := range u.file.Declarations {
			if d.Kind == Var && strings.HasSuffix(d.Name, "_var") || d.Kind == Resource && strings.HasSuffix(d.Name, "_resource") {
				tell(d.Pos, "a program named it %s: give it a better name", d.Name)
			}
		}
	},
	"explicit-values-for-loc-params": func(u *unit, tell tell) {
		u.declared(Module, func(d *Declaration) {
			target := u.units[u.beside(d.Target.Text)]
			if target != nil && target.names["location"] != nil && d.Body().Get("params", "location") == nil {
				tell(d.Pos, "%s takes a location", d.Target.Text)
			}
		})
	},
	"max-outputs":   atMost(64, Output),
	"max-params":    atMost(256, Param),
	"max-resources": atMost(800, Resource, Module),
	"max-variables": atMost(512, Var),
	"no-conflicting-metadata": func(u *unit, tell tell) {
		for _, d := range u.file.Declarations {
			metadata := d.Decorated("metadata")
			if d.Decorated("description") != nil && metadata != nil && len(metadata.Args) == 1 && metadata.Args[0].Get("description") != nil {
				tell(metadata.Pos, "%s is described twice", d.Name)
			}
		}
	},
	"no-deployments-resources": func(u *unit, tell tell) {
		u.declared(Resource, func(d *Declaration) {
			if strings.HasPrefix(d.Target.Text, "Microsoft.Resources/deployments@") {
				tell(d.Pos, "a deployment in a deployment is a module")
			}
		})
	},
	"no-hardcoded-env-urls": func(u *unit, tell tell) {
		u.expressions(func(e *Expr) {
			if found := cloudHosts.FindString(e.Text); e.Op == String && found != "" {
				tell(e.Pos, "%s is of one cloud only: see environment()", found)
			}
		})
	},
	"no-hardcoded-location": func(u *unit, tell tell) {
		for _, d := range u.file.Declarations {
			for _, location := range []*Expr{d.Body().Get("location"), d.Body().Get("params", "location")} {
				if (d.Kind == Resource || d.Kind == Module) && location != nil && location.Op == String && location.Text != "global" {
					tell(location.Pos, "%s is always in %s", d.Name, location.Text)
				}
			}
		}
	},
	"no-hardcoded-outputs": func(u *unit, tell tell) {
		u.declared(Output, func(d *Declaration) {
			if hardcoded(d.Value) {
				tell(d.Pos, "%s is always the same", d.Name)
			}
		})
	},
	"no-loc-expr-outside-params": func(u *unit, tell tell) {
		for _, d := range u.file.Declarations {
			d.Value.Walk(func(e *Expr) {
				if d.Kind != Param && e.Op == Member && e.Text == "location" && (e.Args[0].calls("resourceGroup") || e.Args[0].calls("deployment")) {
					tell(e.Pos, "somebody may want another location: take it from a parameter")
				}
			})
		}
	},
	"no-module-name": func(u *unit, tell tell) {
		u.declared(Module, func(d *Declaration) {
			if d.Body().Get("name") != nil {
				tell(d.Pos, "the name of %s makes deployments at the same time collide", d.Name)
			}
		})
	},
	"no-unnecessary-dependson": func(u *unit, tell tell) {
		u.deployed(func(d *Declaration) {
			depends := d.Body().Get("dependsOn")
			if depends == nil {
				return
			}
			needed := u.needed(d)
			for _, one := range depends.Args {
				on := u.referred(one, nil)
				if on != nil && needed[on] && on.Value.Op != For {
					tell(one.Pos, "%s needs %s in any case", d.Name, on.Name)
				}
			}
		})
	},
	"outputs-should-not-contain-secrets": func(u *unit, tell tell) {
		u.declared(Output, func(d *Declaration) {
			if d.Decorated("secure") != nil {
				return
			}
			if strings.Contains(strings.ToLower(d.Name), "password") {
				tell(d.Pos, "%s sounds like a secret", d.Name)
			}
			d.Value.Walk(func(e *Expr) {
				if u.secure(e) {
					tell(e.Pos, "%s shows the secret %s", d.Name, e.Text)
				}
			})
		})
	},
	"prefer-interpolation": func(u *unit, tell tell) {
		u.expressions(func(e *Expr) {
			if e.calls("concat") && len(e.Args) > 2 && slices.ContainsFunc(e.Args[1:], (*Expr).text) {
				tell(e.Pos, "write it as one string with ${} in it")
			}
		})
	},
	"prefer-unquoted-property-names": func(u *unit, tell tell) {
		u.properties(func(property Property) {
			if property.Quoted && plainName.MatchString(property.Key) {
				tell(property.Pos, "%s needs no quotes", property.Key)
			}
		})
		u.expressions(func(e *Expr) {
			if e.Op == Index && e.Args[1].Op == String && plainName.MatchString(e.Args[1].Text) {
				tell(e.Pos, "write it as .%s", e.Args[1].Text)
			}
		})
	},
	"protect-commandtoexecute-secrets": func(u *unit, tell tell) {
		u.properties(func(property Property) {
			if strings.EqualFold(property.Key, "commandToExecute") {
				tell(property.Pos, "a command is logged where it stands, with its secrets")
			}
		})
	},
	"secure-parameter-default": func(u *unit, tell tell) {
		u.declared(Param, func(d *Declaration) {
			if d.Decorated("secure") == nil || d.Value == nil || d.Value.Op == String && d.Value.Text == "" {
				return
			}
			fresh := false
			d.Value.Walk(func(e *Expr) { fresh = fresh || e.calls("newGuid") })
			if !fresh {
				tell(d.Value.Pos, "%s is a secret, and its default stands here for everybody to read", d.Name)
			}
		})
	},
	"secure-params-in-parameters-file": func(u *unit, tell tell) {
		if u.file.Using == nil || u.units[u.beside(u.file.Using.Text)] == nil {
			return
		}
		template := u.units[u.beside(u.file.Using.Text)]
		u.declared(Assign, func(d *Declaration) {
			param := template.names[d.Name]
			if param != nil && param.Decorated("secure") != nil && hardcoded(d.Value) {
				tell(d.Pos, "%s is a secret, and stands here for everybody to read", d.Name)
			}
		})
	},
	"secure-secrets-in-params": func(u *unit, tell tell) {
		u.declared(Param, func(d *Declaration) {
			t := u.resolve(d.Type)
			holdsText := fits(t, aString.withNull()) || fits(t, aMap.withNull())
			if d.Decorated("secure") == nil && holdsText && secretName.MatchString(d.Name) && !harmlessName.MatchString(d.Name) {
				tell(d.Pos, "%s sounds like a secret", d.Name)
			}
		})
	},
	"simplify-interpolation": func(u *unit, tell tell) {
		check := func(e *Expr) {
			if e == nil || e.Op != Template || len(e.Args) != 3 {
				return
			}
			if e.Args[0].Text+e.Args[2].Text == "" && fits(u.infer(e.Args[1], nil), aString) {
				tell(e.Pos, "the string holds nothing but a string")
			}
		}
		u.properties(func(property Property) { check(property.Value) })
		for _, d := range u.file.Declarations {
			check(d.Value)
		}
	},
	"simplify-json-null": func(u *unit, tell tell) {
		u.expressions(func(e *Expr) {
			if e.calls("json") && len(e.Args) == 2 && e.Args[1].Text == "null" {
				tell(e.Pos, "write null")
			}
		})
	},
	"use-parent-property": func(u *unit, tell tell) {
		u.declared(Resource, func(d *Declaration) {
			name := d.Body().Get("name")
			name.Walk(func(e *Expr) {
				if strings.Contains(e.Text, "/") && (name.Op == String || name.Op == Template) {
					tell(e.Pos, "the parent of %s is a property of its own", d.Name)
				}
			})
		})
	},
	"use-safe-access": func(u *unit, tell tell) {
		u.expressions(func(e *Expr) {
			if e.Op != Choice || !e.Args[0].calls("contains") || len(e.Args[0].Args) != 3 || e.Args[1].Op != Member && e.Args[1].Op != Index {
				return
			}
			if of, asked := e.Args[1].Args[0], e.Args[0].Args[1]; of.Op == Name && asked.Op == Name && of.Text == asked.Text {
				tell(e.Pos, "write it as %s.?... ?? ...", of.Text)
			}
		})
	},
	"use-stable-resource-identifiers": func(u *unit, tell tell) {
		u.deployed(func(d *Declaration) {
			for _, key := range []string{"name", "scope", "parent"} {
				if value := d.Body().Get(key); value != nil && u.anew(value, map[string]bool{}) {
					tell(value.Pos, "the %s of %s is another at each deployment", key, d.Name)
				}
			}
		})
	},
	"use-stable-vm-image": func(u *unit, tell tell) {
		u.properties(func(property Property) {
			if property.Key == "imageReference" {
				tell(property.Pos, "the version of an image may be a preview, and nobody needs one")
			}
		})
	},
	"use-user-defined-types": func(u *unit, tell tell) {
		check := func(t *TypeExpr) {
			t.Walk(func(t *TypeExpr) {
				if t.Op == TypeName && (t.Text == "object" || t.Text == "array") {
					tell(t.Pos, "say what is in the %s", t.Text)
				}
			})
		}
		for _, d := range u.file.Declarations {
			check(d.Type)
			for _, param := range d.Params {
				check(param.Type)
			}
		}
	},
}

// cloudHosts are the hosts that have another name in another cloud.
var cloudHosts = regexp.MustCompile(`(?i)\b(azuredatalakeanalytics\.net|azuredatalakestore\.net|core\.windows\.net|database\.windows\.net|` +
	`datalake\.azure\.net|gallery\.azure\.com|graph\.windows\.net|login\.microsoftonline\.com|management\.azure\.com|vault\.azure\.net)\b`)

var (
	plainName    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	secretName   = regexp.MustCompile(`(?i)password|pwd|secret|accountkey|acctkey`)
	harmlessName = regexp.MustCompile(`(?i)secretpermissions|secretversion|secretur[il]|secretname`)
)

func atMost(limit int, kinds ...Kind) func(*unit, tell) {
	return func(u *unit, tell tell) {
		count := 0
		for _, d := range u.file.Declarations {
			if !slices.Contains(kinds, d.Kind) {
				continue
			}
			count++
			if count == limit+1 {
				tell(d.Pos, "the file has more than %d", limit)
			}
		}
	}
}

// declared calls visit for each declaration of the kind.
func (u *unit) declared(kind Kind, visit func(*Declaration)) {
	for _, d := range u.file.Declarations {
		if d.Kind == kind {
			visit(d)
		}
	}
}

// deployed calls visit for each resource and module.
func (u *unit) deployed(visit func(*Declaration)) {
	u.declared(Resource, visit)
	u.declared(Module, visit)
}

// expressions calls visit for every expression of the file.
func (u *unit) expressions(visit func(*Expr)) {
	for _, d := range u.file.Declarations {
		if d.Kind != Metadata {
			d.Value.Walk(visit)
		}
	}
}

// properties calls visit for every property of every object of the file.
func (u *unit) properties(visit func(Property)) {
	u.expressions(func(e *Expr) {
		for _, property := range e.Properties {
			visit(property)
		}
	})
}

// secure reports whether e names a secure parameter.
func (u *unit) secure(e *Expr) bool {
	d := u.names[e.Text]
	return e.Op == Name && d != nil && d.Kind == Param && d.Decorated("secure") != nil
}

// anew reports whether e is computed anew at each deployment, itself or by the parameters and variables that it names.
func (u *unit) anew(e *Expr, seen map[string]bool) bool {
	found := false
	e.Walk(func(e *Expr) {
		d := u.names[e.Text]
		switch {
		case e.calls("newGuid") || e.calls("utcNow"):
			found = true
		case e.Op == Name && d != nil && (d.Kind == Param || d.Kind == Var) && !seen[e.Text]:
			seen[e.Text] = true
			found = found || u.anew(d.Value, seen)
		}
	})
	return found
}

// needed returns the resources and modules that d names outside of its dependsOn, and those that they name.
func (u *unit) needed(d *Declaration) map[*Declaration]bool {
	needed, seen := map[*Declaration]bool{}, map[*Declaration]bool{}
	var follow func(d *Declaration)
	follow = func(d *Declaration) {
		if seen[d] {
			return
		}
		seen[d] = true
		var except *Expr
		if d.Kind != Var {
			except = d.Body().Get("dependsOn")
		}
		d.Value.Walk(func(e *Expr) {
			next := u.names[e.Text]
			if e.Op != Name || next == nil || except != nil && slices.Contains(except.Args, e) {
				return
			}
			if next.Kind == Resource && !next.Existing || next.Kind == Module {
				needed[next] = true
			}
			if next.Kind == Resource || next.Kind == Module || next.Kind == Var {
				follow(next)
			}
		})
	}
	follow(d)
	delete(needed, d)
	return needed
}

// calls reports whether e calls the built-in function.
func (e *Expr) calls(function string) bool { return e.Op == Call && e.Args[0].Text == function }

// text reports whether e is a string for certain.
func (e *Expr) text() bool { return e.Op == String || e.Op == Template }

// hardcoded reports whether nothing in e is computed.
func hardcoded(e *Expr) bool {
	switch e.Op {
	case String, Number, Bool, Null:
		return true
	case Unary:
		return hardcoded(e.Args[0])
	case Array:
		return !slices.ContainsFunc(e.Args, func(arg *Expr) bool { return !hardcoded(arg) })
	case Object:
		return !slices.ContainsFunc(e.Properties, func(property Property) bool { return !hardcoded(property.Value) })
	default:
		return false
	}
}
