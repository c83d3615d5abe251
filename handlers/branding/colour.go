package branding

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Colour is an opaque sRGB colour.
type Colour struct{ R, G, B uint8 }

// String returns the colour as a style sheet has it, for example "#17567f".
func (c Colour) String() string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// parseColour reads "#17567f" or its short form "#abc".
func parseColour(text string) (Colour, error) {
	digits, found := strings.CutPrefix(text, "#")
	if len(digits) == 3 {
		digits = strings.Repeat(digits[:1], 2) + strings.Repeat(digits[1:2], 2) + strings.Repeat(digits[2:], 2)
	}
	value, err := strconv.ParseUint(digits, 16, 32)
	if err != nil || !found || len(digits) != 6 {
		return Colour{}, errors.New("is not a colour; write one such as #17567f")
	}
	return Colour{uint8(value >> 16), uint8(value >> 8), uint8(value)}, nil
}

// The grounds of the pages on which the accent has the least contrast: the page in light, a card in
// dark. A test compares them with the style sheet.
var (
	LightGround = Colour{0xf3, 0xf5, 0xf7}
	DarkGround  = Colour{0x18, 0x21, 0x2a}
)

const (
	// leastContrast is that of text at level AA of WCAG 2.2 (1.4.3).
	leastContrast = 4.5
	// goodContrast is that of level AAA (1.4.6), for tints that we choose.
	goodContrast = 7
)

// Accent is the colour of links and buttons, on light and on dark grounds. Against the grounds and
// the text of buttons, each has the contrast that WCAG 2.2 AA asks of text.
type Accent struct{ Light, Dark Colour }

// ParseLight reads the accent for light grounds.
func ParseLight(text string) (Colour, error) { return readable(text, "light", LightGround, -1) }

// ParseDark reads the accent for dark grounds. Default: a tint of the one for light grounds.
func ParseDark(text string, light Colour) (Colour, error) {
	if text == "" {
		return shade(light, DarkGround, +1, goodContrast), nil
	}
	return readable(text, "dark", DarkGround, +1)
}

// readable reads a colour with enough contrast on ground. direction leads to a better one: -1
// darker, +1 lighter.
func readable(text, name string, ground Colour, direction int) (Colour, error) {
	colour, err := parseColour(text)
	if err != nil {
		return Colour{}, err
	}
	ratio := contrast(colour, ground)
	if ratio < leastContrast {
		return Colour{}, fmt.Errorf("can't be read on the pages' %s ground: %s has a contrast of %.1f to 1, and WCAG 2.2 AA asks for %.1f; %s would do",
			name, colour, math.Floor(ratio*10)/10, leastContrast, shade(colour, ground, direction, leastContrast))
	}
	return colour, nil
}

// contrast returns the contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio").
func contrast(a, b Colour) float64 {
	brighter, darker := luminance(a), luminance(b)
	if brighter < darker {
		brighter, darker = darker, brighter
	}
	return (brighter + 0.05) / (darker + 0.05)
}

// luminance returns how bright a colour is, 0 to 1 (WCAG 2.2, "relative luminance").
func luminance(c Colour) float64 {
	linear := func(part uint8) float64 {
		v := float64(part) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}

// shade returns the nearest darker (direction -1) or lighter (+1) shade of the colour with the
// contrast ratio against ground, at most black or white.
func shade(c Colour, ground Colour, direction int, ratio float64) Colour {
	hue, saturation, lightness := toHSL(c)
	for contrast(c, ground) < ratio && lightness >= 0 && lightness <= 1 {
		lightness += float64(direction) * 0.005
		c = fromHSL(hue, saturation, min(max(lightness, 0), 1))
	}
	return c
}

// toHSL returns hue (0 to 6), saturation and lightness (0 to 1).
func toHSL(c Colour) (hue, saturation, lightness float64) {
	r, g, b := float64(c.R)/255, float64(c.G)/255, float64(c.B)/255
	most, least := max(r, g, b), min(r, g, b)
	lightness = (most + least) / 2
	chroma := most - least
	if chroma == 0 {
		return 0, 0, lightness
	}
	saturation = chroma / (1 - math.Abs(2*lightness-1))
	switch most {
	case r:
		hue = math.Mod((g-b)/chroma+6, 6)
	case g:
		hue = (b-r)/chroma + 2
	default:
		hue = (r-g)/chroma + 4
	}
	return hue, saturation, lightness
}

func fromHSL(hue, saturation, lightness float64) Colour {
	chroma := (1 - math.Abs(2*lightness-1)) * saturation
	second := chroma * (1 - math.Abs(math.Mod(hue, 2)-1))
	var r, g, b float64
	switch int(hue) {
	case 0:
		r, g = chroma, second
	case 1:
		r, g = second, chroma
	case 2:
		g, b = chroma, second
	case 3:
		g, b = second, chroma
	case 4:
		r, b = second, chroma
	default:
		r, b = chroma, second
	}
	floor := lightness - chroma/2
	part := func(v float64) uint8 { return uint8(math.Round(min(max(v+floor, 0), 1) * 255)) }
	return Colour{part(r), part(g), part(b)}
}

// Over returns the accent under the pointer, with more contrast.
func (a Accent) Over() Accent {
	return Accent{Light: move(a.Light, -0.09), Dark: move(a.Dark, +0.12)}
}

func move(c Colour, by float64) Colour {
	hue, saturation, lightness := toHSL(c)
	return fromHSL(hue, saturation, min(max(lightness+by, 0), 1))
}
