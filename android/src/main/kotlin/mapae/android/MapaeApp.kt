package mapae.android

import android.app.Application
import android.content.pm.PackageManager
import java.util.concurrent.CopyOnWriteArraySet
import mapae.wallet.GateDecision

/** What lives as long as the process: the wallet, the word about the screen lock, the card for gates. */
class MapaeApp : Application() {
    /** The keyguard. */
    val lock by lazy { KeyguardLock(this) }

    /** The wallet. */
    val phone by lazy {
        val strongBox = packageManager.hasSystemFeature(PackageManager.FEATURE_STRONGBOX_KEYSTORE)
        PhoneWallet(this, AndroidKeys(strongBox)) { lock.isSet }
    }

    /** Who wants to know what a gate decided. Called on the service's thread. */
    val listeners = CopyOnWriteArraySet<(GateDecision) -> Unit>()

    /** The card. */
    val gateCard by lazy {
        GateCard({ phone.opened() }, lock) { decision -> listeners.forEach { it(decision) } }
    }

    override fun onCreate() {
        super.onCreate()
        // From now on it hears when the lock is opened.
        lock
    }
}
