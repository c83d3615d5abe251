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
		"ᴍɪᴄʀᴏꜱᴏꜰᴛ ꜱᴜᴘᴘᴏʀᴛ", "ꓟꓲꓚꓣꓳꓢꓳꓝꓔ ꓢꓴꓑꓑꓳꓣꓔ", "ᎷᏆᏟᎡᎾᏚᎾᎰᎢ ᎢᎬᎪᎷ", "Micr\ua4f3soft", "Micrøsoft", "Supp\u0b20rt", "Supp๐rt", "Supp口rt",
		"Supp○rt", "$upport", "Suppoɾt", "𐊠𐊡", "Ѕyѕtеm", "Ꮯontoso", "ℳicroſoft", "Tᴇam", "Ⲥystem", "Ьilling", "Ꙅystem", "Đirector Ądmin",
		"🅼🅸🅲🆁🅾", "S upport", "S.u.p.p.o.r.t T.e.a.m", "S u p p o r t", "Sup.port", "Sup-port Te-am", "Micro'soft", "M·i·c·r·o·s·o·f·t",
		"Vv ebmaster", "Ηеlр Dеѕk", "Soo.Kim", "Evil Update.App",
		"ソフト マイクロ", "サポ・ート", "자 관리", "الدعـم الفني",
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
		"Bjørn Ødegård", "Łukasz Đorđević", "Þóra Guðmundsdóttir", "Ægir Sæther", "Jürgen Groß", "Ċensu Ħabib", "Œnone Lœwe", "Əli Məmmədov",
		"Nguyễn Thị Hương", "Đặng Văn Đức", "Işıl İbrahim Şahin", "Ngaŋa Sáŋŋá", "Kofi Ɔwusu-Ɖzidzi", "Ɗanjuma Ƙofar", "Keʻalohi Kahananui",
		"Oʻktam Gʻulomov", "Sinéad O’Connor", "Mario D`Angelo", "Pat O´Brien", "Mª José Núñez", "C. E. O'Brien", "Gal·la Martí", "J.R.R. Tolkien",
		"J.Kim", "St.John Smith", "Dr.Müller Jr.", "Ǯ Ǥoabdi", "Ştefan Țurcanu", "Maria 2nd", "Владимир Щербаков", "Їржи Ґалаґан", "Ђорђе Љубичић",
		"Ғалым Әбдіров", "А.С. Пушкин", "Ίρις Ψαρού", "Հայկ Սարգսյան", "ქეთევან ჯაფარიძე", "علی\u200cرضا احمدی", "محـمد ٢", "שרה בן־דוד",
		"ሰላም ተስፋዬ", "สมชาย ใจดี", "प्रिया शर्मा", "রহিম উদ্দিন", "ගයාන් පෙරේරා", "குமார் இராமன்", "សុខ ណារី", "王 小明", "佐々木 さくら", "タロー 〆木",
		"ﾀﾛｰ 髙橋", "レヴィ＝ストロース クロード", "辻\U000e0100 一郎", "\U000323b0 伟", "홍 길동", "ㄅㄆ 陳", "Ａｎａ Ｓｉｌｖａ",
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
