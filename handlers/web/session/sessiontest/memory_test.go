package sessiontest

import (
	"testing"

	"guestlist/handlers/web/session"
)

func TestMemoryConforms(t *testing.T) {
	Run(t, func(*testing.T) session.Store { return new(Memory) })
}
