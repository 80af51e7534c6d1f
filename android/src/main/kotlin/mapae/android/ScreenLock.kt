package mapae.android

import android.app.KeyguardManager
import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import android.os.SystemClock

/** The screen lock at one moment; [forSeconds] since it was opened. */
data class LockState(val unlocked: Boolean, val forSeconds: UInt)

/** What the platform says of the screen lock. */
fun interface ScreenLock {
    /** At this moment. */
    fun now(): LockState
}

/**
 * The keyguard. A phone without a lock counts as locked: anybody who holds it could walk in. When the lock was opened is
 * known from the system's word since this process began; before that the time since the phone's start counts, which is
 * never too young.
 */
class KeyguardLock(context: Context) : ScreenLock {
    // Without a keyguard nothing vouches for a lock, so it counts as locked.
    private val keyguard: KeyguardManager? = context.getSystemService(KeyguardManager::class.java)

    @Volatile
    private var openedAt = 0L

    init {
        val opened = object : BroadcastReceiver() {
            override fun onReceive(context: Context, intent: Intent) {
                openedAt = SystemClock.elapsedRealtime()
            }
        }
        context.registerReceiver(opened, IntentFilter(Intent.ACTION_USER_PRESENT))
    }

    /** Whether there is a lock at all: no wallet is set up without one. */
    val isSet: Boolean get() = keyguard?.isDeviceSecure == true

    override fun now(): LockState {
        val unlocked = keyguard != null && isSet && !keyguard.isDeviceLocked && !keyguard.isKeyguardLocked
        val seconds = (SystemClock.elapsedRealtime() - openedAt) / 1_000
        return LockState(unlocked, seconds.coerceIn(0, UInt.MAX_VALUE.toLong()).toUInt())
    }
}
