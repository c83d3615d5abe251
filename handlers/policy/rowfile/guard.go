package rowfile

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"guestlist/handlers/policy"
)

// Spreadsheets read the cells of a CSV file as if somebody had typed them: 00123456 becomes 123456,
// "May 2026" a date, 1E5 a large number, =1+1 a formula. They save what became of them. An
// apostrophe before such a cell makes it a text, which they save as it is, apostrophe included.

// guarded returns a text that no spreadsheet calculates or changes. An empty text becomes an
// apostrophe.
func guarded(text string) string {
	if needsGuard(text) {
		return "'" + text
	}
	return text
}

// original undoes guarded, and reports whether there was something to undo. In other texts an
// apostrophe is part of the text.
func original(text string) (cell string, wasGuarded bool) {
	rest, found := strings.CutPrefix(text, "'")
	if found && needsGuard(rest) {
		return rest, true
	}
	return text, false
}

func needsGuard(text string) bool {
	// Some take away the spaces before what they read.
	return text == "" || strings.IndexAny(text, formula) == 0 ||
		strings.IndexAny(strings.TrimSpace(text), formula) == 0 || convertible(text)
}

// formula has the characters that begin a formula in a spreadsheet, the wide forms included, and
// the apostrophe, so that a text that begins with one is not taken for a guarded one.
const formula = "=+-@\t\r\n'\uff1d\uff0b\uff0d\uff20"

var (
	// plainNumber is a number that every spreadsheet writes as it reads it. They show more than
	// eleven digits as 1.23E+11, and save what they show.
	plainNumber = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,9})$`)
	// plainTime is a time in UTC as [format] writes it, which no spreadsheet takes for one.
	plainTime = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$`)
)

// maxDate is the most characters of a date or a time with words in it, and more than there are in
// any. Numbers can be longer.
const maxDate = 64

// convertible reports whether a spreadsheet in some language may take the text for a number, a
// date, a time, an amount of money, a percentage, a fraction or a truth value, and save it in
// another form. It is so for more texts than one of them changes, and not for those that can't be
// any of this.
func convertible(text string) bool {
	if plainNumber.MatchString(text) || plainTime.MatchString(text) {
		return false
	}
	readable := strings.TrimSpace(norm.NFKC.String(text))
	_, isTruth := truths[strings.ToUpper(readable)]
	if isTruth {
		return true
	}
	digits, letters := false, false
	for _, r := range readable {
		switch {
		case unicode.IsDigit(r):
			digits = true
		case unicode.IsLetter(r), unicode.IsMark(r):
			letters = letters || r != 'e' && r != 'E'
		case !inNumbers(r):
			return false
		}
	}
	if !digits || letters && utf8.RuneCountInString(readable) > maxDate || onlyGUIDs(readable) {
		return false
	}
	words := strings.FieldsFunc(readable, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) })
	return !slices.ContainsFunc(words, func(word string) bool { return !inDates(word) })
}

// inNumbers reports whether r, which is neither digit nor letter, can be in a number or a date.
func inNumbers(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Sc, r) || strings.ContainsRune(".,:/+-%()'\u2019\u066b\u066c\u2212", r)
}

// onlyGUIDs reports whether the text is a list of object ids.
func onlyGUIDs(text string) bool {
	ids := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
	return !slices.ContainsFunc(ids, func(id string) bool {
		_, ok := policy.ParseGUID(id)
		return !ok
	})
}

// inDates reports whether a word can be in a number or a date: a short one, such as am, EUR, Jan or
// de; one that begins like a month or a weekday; and any in another script than the Latin one.
func inDates(word string) bool {
	folded := foldings.Replace(strings.ToLower(norm.NFD.String(word)))
	letters := []rune(strings.Map(func(r rune) rune {
		if unicode.IsMark(r) {
			return -1
		}
		return r
	}, folded))
	if len(letters) <= 3 || slices.ContainsFunc(letters, func(r rune) bool { return !unicode.Is(unicode.Latin, r) }) {
		return true
	}
	return slices.Contains(dateWords, string(letters[:4]))
}

// foldings replaces letters that have no mark to take away.
var foldings = strings.NewReplacer("đ", "d", "ł", "l", "ı", "i", "ə", "e")

// dateWords are the first four letters, without marks, of the months and weekdays of the languages
// in Latin script that spreadsheets have (CLDR), as far as these have four.
var dateWords = strings.Fields(`
aben abre abri abuz agos agus ahad aibr alha antr aoin aout apir apre apri aral aste augu avgu
avqu avri avus awst awwi axsa azar bala baza beal birz biye brez cars cead cers cerv cetr cetu
cetv chor chwe csut ctvr cuma cume czer czwa dear dece deir deka dens dese dets deze dfom dhje
dice dici diel dien dijo dill dima dime dins dise diss disy dium dive dome domh domi dond donn
dube dubn dume dumi dush dydd eana ebri ekai ekim elok ener enjt erbg erte esma eylu fana favr
feab febb febr feir feve fevr fimm fomh fost frar fred frei frid frig gegu gene genn giev gimg
giov giug glin gorf grud gruo gunj gush gwen haoi hazi hein helm hene hetf hosd huht huly huny
huwe hydr ianu igan ijum iona irai isni iuil iuli iuni iyul iyun jaan jana jane jann janu janv
jeud joul juev juil juin jula julh juli july juma juna june junh juni juny juul juun kami kasi
kedd kesa kesk ketv kham kolm kolo korr kova kovo kvet kwie lapk laru laua laug laup laur lede
ledn leyg liep ling lipa lipc lipi lipn list llun loka lord luai luan lugl lulj luna lund lune
luni luns lute luty lørd maal maan maar mach maer magg maia maig maij maio mair maja maju mana
mand manu marc mard mare marr mars mart marz matg mawr mayi mayo mean medi mehe mein meit mejj
merc merk mese mett mfom mier miku ming mitt miye miðv mond mont nede nedj nelj nent nhat nied
nisa noby noie noll nove novi noya ocak octo octu ogos okta okto oktu okty onsd oste osti otrd
otsa otto ottu outu ozuj pate pays paza pazd pebr penk pent perj pers peta pete piat piek pirm
pond pone poni prem pril pros puha qers quar quin rabu reed rhag rije rijn rugp rugs ruja rujn
saba sabt sadw sali samb same samh sams sate sath satu saus scha segu sekm sela senb seni sent
sept sesh sest sete sett sety sext shan shku shta shtu sibt sier sije sobo sond sonn spal sred
srij srod srpa srpe srpn stre stud stvr styc suba subo sund sunn svet svib syys szep szer szom
sønd tach tamm teis temm terc teto than thur tiis tirs tisd tlie tnej tore tors touk trav trec
tres tues tysd unor urri urta uter utor uzta vasa veeb velj vend vene venr vier vine vrij vryd
wedn woen wrze wtor xane xove xull xuno yaks yanv zari zate zerc zond þrið ħadd ħami
`)

// truths are the words for true and false that spreadsheets write in their languages, in capitals.
var truths = truthWords(`
ADEVARAT ADEVĂRAT BENAR CERT DOĞRU DÜZ EGIAZKOA FÍOR IGAZ PATIESS PRAVDA PRAWDA RESNICA RÉTT
SAND SANN SANT TACNO TAČNO TEISINGAI TOCNO TOSI TOČNO TRUE TÕENE VERDADEIRO VERDADERO VERITAT
VERO VERU VRAI WAAR WAHR WOUER ĐÚNG ΑΛΗΘΕΣ ΣΩΣΤΌ ІСТИНА АҚИҚАТ ВЯРНО ИСТИНА САПРАЎДНА ТАЧНО
ТОЧНО صح सही จริง 真 참
`, `
APLAMS EPÄTOSI FALS FALSA FALSCH FALSE FALSK FALSKT FALSO FALTSUA FALZ FAUX FAŁSZ HAMIS LAŽ
NEPRAVDA NETACNO NETAČNO NETEISINGAI NETOCNO NETOČNO ONWAAR RANGT SAI SALAH USANN VALS VÄÄR
YANLIŞ ΛΆΘΟΣ ΨΕΥΔΕΣ БРЕХНЯ ЖАЛҒАН ЛОЖЬ ЛЪЖА НЕВЯРНО НЕСАПРАЎДНА НЕТАЧНО НЕТОЧНО ХИБНІСТЬ خطأ गलत
เท็จ 假 거짓
`)

func truthWords(yes, no string) map[string]bool {
	words := map[string]bool{}
	for _, word := range strings.Fields(yes) {
		words[word] = true
	}
	for _, word := range strings.Fields(no) {
		words[word] = false
	}
	return words
}
