package apptest

import (
	"bytes"
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"slices"
	"strings"
)

// mostColours is the number of colours of a picture: enough for the edges of letters.
const mostColours = 64

// WithPalette returns a picture as a PNG with its most frequent colours only, which is a third as
// large.
func WithPalette(full image.Image) ([]byte, error) {
	bounds := full.Bounds()
	counts := map[color.Color]int{}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			counts[color.RGBAModel.Convert(full.At(x, y))]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(counts), func(a, b color.Color) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	small := image.NewPaletted(bounds, colours[:min(mostColours, len(colours))])
	draw.Draw(small, bounds, full, bounds.Min, draw.Src)
	var written bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	err := encoder.Encode(&written, small)
	return written.Bytes(), err
}

// Grid returns pictures in rows of so many columns, with a gap between them on a grey ground. Their
// tops stand in line.
func Grid(pictures []image.Image, columns int) image.Image {
	const gap = 24
	var widths, heights []int
	for i, picture := range pictures {
		if i < columns {
			widths = append(widths, 0)
		}
		if i%columns == 0 {
			heights = append(heights, 0)
		}
		size := picture.Bounds().Size()
		widths[i%columns], heights[i/columns] = max(widths[i%columns], size.X), max(heights[i/columns], size.Y)
	}
	total := func(sizes []int) int {
		sum := gap
		for _, size := range sizes {
			sum += size + gap
		}
		return sum
	}
	grid := image.NewRGBA(image.Rect(0, 0, total(widths), total(heights)))
	draw.Draw(grid, grid.Bounds(), image.NewUniform(color.Gray{Y: 0x99}), image.Point{}, draw.Src)
	for i, picture := range pictures {
		at := image.Pt(total(widths[:i%columns]), total(heights[:i/columns]))
		draw.Draw(grid, picture.Bounds().Sub(picture.Bounds().Min).Add(at), picture, picture.Bounds().Min, draw.Src)
	}
	return grid
}
