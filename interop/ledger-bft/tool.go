//go:build tools

// The node of the test network, as its module has it.
package ledgerbft

import _ "github.com/cosmos/evm/cmd/evmd"
