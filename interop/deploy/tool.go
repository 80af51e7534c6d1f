//go:build tools

// helm, as its module has it.
package main

import _ "helm.sh/helm/v3/cmd/helm"
