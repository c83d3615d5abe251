package policy

import (
	"strings"
	"testing"

	"guestlist/handlers/submission"
)

func TestNameThatClaimsToBeAServiceGoesToReview(t *testing.T) {
	row := Parse(Raw{Partition: "contoso.com", Name: "partners", Columns: map[string]any{"Action": "invite"}})
	decide := func(given, family string) Decision {
		s := submission.Submission{Email: address(t, "ana@contoso.com"), GivenName: given, FamilyName: family}
		return Decide(s, []Row{row}, nil, now)
	}
	for _, name := range []string{
		"Microsoft Support", "microsoft", "MICROSOFT 365", "Micros0ft", "M1crosoft", "Мicrosoft", "Місrоѕоft", "Ｍｉｃｒｏｓｏｆｔ", "Microsóft",
		"rnicrosoft", "MicrosoftSupport", "M i c r o s o f t", "𝐌𝐢𝐜𝐫𝐨𝐬𝐨𝐟𝐭", "Micro\u00adsoft", "Help Desk", "HelpDesk Team", "IT Department", "Support",
		"Admin", "No-Reply", "Contoso Security Team", "Service-Desk", "Administrador", "Soporte Técnico", "Équipe Support", "Kundendienst",
		"マイクロソフト サポート", "システム管理者", "관리자", "微软 客服", "الدعم الفني", "Аna", "Αna Silva", "System",
	} {
		given, family, _ := strings.Cut(name, " ")
		got := decide(given, family)
		if got.Action != Review || got.Terms != nil || !strings.Contains(got.Reason, "would invite, but the name ") {
			t.Errorf("%q: %s (%s)", name, got.Action, got.Reason)
		}
		if strings.Contains(got.Reason, given) {
			t.Errorf("the reason has the name: %s", got.Reason)
		}
	}
	for _, name := range []string{
		"Ana Silva", "Anna Seguridade", "Lisa Sales", "Tim Cook", "Dell Apple", "Иван Петров", "Γιώργος Παπαδόπουλος", "Sofía Teamer", "Ken Billing",
		"José Sistema", "Admira Adminović", "Steam Supporter", "髙橋 太郎", "홍 길동", "محمد الفارسي", "Anna Иванова", "Ott Itt", "Illia Lilli",
	} {
		given, family, _ := strings.Cut(name, " ")
		if got := decide(given, family); got.Action != Invite {
			t.Errorf("%q: %s (%s)", name, got.Action, got.Reason)
		}
	}
	audited := Parse(Raw{Partition: "contoso.com", Name: "audit", Columns: map[string]any{"Action": "invite", "Mode": "audit"}})
	got := Decide(submission.Submission{Email: address(t, "ana@contoso.com"), GivenName: "Microsoft"}, []Row{audited}, nil, now)
	if got.Looked[0].Outcome != Audited || !strings.Contains(got.Looked[0].Why, "would have decided: review") {
		t.Errorf("in audit mode: %+v", got.Looked)
	}
	denied := Parse(Raw{Partition: "contoso.com", Name: "no", Columns: map[string]any{"Action": "deny"}})
	got = Decide(submission.Submission{Email: address(t, "ana@contoso.com"), GivenName: "Microsoft"}, []Row{denied}, nil, now)
	if got.Action != Deny {
		t.Errorf("a row that denies decides %s", got.Action)
	}
}
