package mapae.android

import mapae.wallet.GateDecision
import mapae.wallet.Wallet
import mapae.wallet.WalletException

/**
 * What [GateService] does, without Android's service around it: looks at the screen lock, asks the wallet, passes its
 * answer on. Every rule of the exchange is the wallet's.
 *
 * @param wallet the open wallet; throws where there is none or its vault does not open
 * @param told what a gate decided, after the phone answered
 */
class GateCard(
    private val wallet: () -> Wallet,
    private val lock: ScreenLock,
    private val told: (GateDecision) -> Unit,
) {
    private var decision: GateDecision? = null

    /** Opens the vault where that can be, before a reader asks. */
    fun makeReady() {
        if (!lock.now().unlocked) return
        try {
            wallet()
        } catch (_: WalletException) {
            // There is none, or it says so again when a reader asks.
        }
    }

    /** The response to one command. A locked phone answers 6985 before the vault is touched. */
    fun answer(command: ByteArray): ByteArray {
        val state = lock.now()
        if (!state.unlocked) return LOCKED
        return try {
            val answer = wallet().processApdu(command, state.unlocked, state.forSeconds)
            decision = answer.decision ?: decision
            answer.response
        } catch (_: WalletException) {
            FAILED
        }
    }

    /** What can wait until the reader has its answer: the history, the key of the fast way, the person. */
    fun afterAnswer() {
        val decided = decision ?: return
        decision = null
        try {
            wallet().rememberTap()
        } catch (_: WalletException) {
            // The door has decided; a full disk costs a line of history and the fast way.
        }
        told(decided)
    }

    /** The reader's field is gone: a tap that was begun is over. */
    fun fieldGone() {
        decision = null
        try {
            wallet().resetCard()
        } catch (_: WalletException) {
            // Without an open wallet nothing was begun.
        }
    }

    companion object {
        /** Conditions of use not satisfied: the phone is locked. */
        val LOCKED = byteArrayOf(0x69, 0x85.toByte())

        /** The phone's key or vault failed. */
        val FAILED = byteArrayOf(0x6F, 0x00)
    }
}
