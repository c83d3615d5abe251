// Package jsonwalk reads JSON by walking over its bytes, for what everybody on the internet can send: encoding/json judges it
// ([encoding/json.Valid]), and what that package would do next by reflection, also for the parts that nobody asks for, is done here for the
// parts that are asked for.
//
// It must not know what the JSON is about.
package jsonwalk
