package mapae.android

import android.nfc.cardemulation.HostApduService
import android.os.Bundle
import java.util.concurrent.Executors

/**
 * The card that a gate's reader talks to (docs/gate-protocol.md). It hands bytes to [GateCard] and sends bytes back; the
 * system wakes it for our application identifier only, and not while the phone is locked (`res/xml/gate_service.xml`).
 */
class GateService : HostApduService() {
    // The Keystore signs for tens of milliseconds: never on the main thread, and one APDU after the other.
    private val work = Executors.newSingleThreadExecutor()

    override fun onCreate() {
        super.onCreate()
        // A reader waits for a second at most: the library and the vault are there before its first command.
        work.execute { (application as MapaeApp).gateCard.makeReady() }
    }

    override fun processCommandApdu(commandApdu: ByteArray, extras: Bundle?): ByteArray? {
        val card = (application as MapaeApp).gateCard
        work.execute {
            sendResponseApdu(card.answer(commandApdu))
            card.afterAnswer()
        }
        return null
    }

    override fun onDeactivated(reason: Int) {
        val card = (application as MapaeApp).gateCard
        work.execute { card.fieldGone() }
    }

    override fun onDestroy() {
        work.shutdown()
        super.onDestroy()
    }
}
