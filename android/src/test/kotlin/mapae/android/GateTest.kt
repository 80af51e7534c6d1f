package mapae.android

import android.app.KeyguardManager
import android.content.Context
import android.content.Intent
import android.os.Bundle
import android.os.IMessenger
import android.os.Looper
import android.os.Message
import android.os.Messenger
import java.time.Duration
import java.time.Instant
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import javax.xml.parsers.DocumentBuilderFactory
import mapae.wallet.Act
import mapae.wallet.GateDecision
import org.json.JSONObject
import org.junit.After
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ServiceController

/** A phone before a real controller's door: Android's own service class, the real library, a real server behind it. */
@RunWith(RobolectricTestRunner::class)
class GateTest {
    private val app get() = RuntimeEnvironment.getApplication() as MapaeApp
    private val keyguard get() = shadowOf(app.getSystemService(Context.KEYGUARD_SERVICE) as KeyguardManager)
    private lateinit var service: ServiceController<GateService>
    private val decided = mutableListOf<GateDecision>()

    @Before
    fun begin() {
        PlayedKeystore.begin()
        keyguard.setIsDeviceSecure(true)
        keyguard.setIsDeviceLocked(false)
        keyguard.setKeyguardLocked(false)
        service = Robolectric.buildService(GateService::class.java).create()
        app.listeners.add { synchronized(decided) { decided.add(it) } }
    }

    @After
    fun end() {
        service.destroy()
        app.phone.close()
    }

    private val responses = LinkedBlockingQueue<ByteArray>()

    // The stack is another process: what arrives there is a copy, made by its binder. The service keeps the first it hears of.
    private val replies = Messenger(object : IMessenger.Stub() {
        override fun send(message: Message) {
            if (message.what == RESPONSE_APDU) responses.add(checkNotNull(message.data.getByteArray("data")))
        }
    })

    /** Does with the service what Android's NFC stack does: messages of a command out, of a response back. */
    private fun nfc(command: ByteArray): ByteArray {
        val message = Message.obtain(null, COMMAND_APDU)
        message.replyTo = replies
        message.data = Bundle().apply { putByteArray("data", command) }
        Messenger(service.get().onBind(Intent())).send(message)
        val until = Instant.now() + Duration.ofSeconds(30)
        while (Instant.now() < until) {
            shadowOf(Looper.getMainLooper()).idle()
            responses.poll(1, TimeUnit.MILLISECONDS)?.let { return it }
        }
        throw AssertionError("the service does not answer")
    }

    /** A tap. The controller gives each answer a second; a machine with other work may take longer, and one taps again. */
    private fun tap(seen: MutableList<ByteArray> = mutableListOf()): JSONObject {
        repeat(20) {
            seen.clear()
            val said = Stage.tap(::nfc, seen)
            if (said.getString("code") != "card_malformed") return said
        }
        throw AssertionError("the phone never answered in time")
    }

    /** Until the service's thread did what it does after an answer. */
    private fun told(count: Int) {
        val until = Instant.now() + Duration.ofSeconds(10)
        while (synchronized(decided) { decided.size } < count && Instant.now() < until) Thread.sleep(5)
        assertEquals(count, decided.size)
    }

    @Test
    fun `an unlocked phone opens, remembers, goes the fast way, and refuses while it is locked`() {
        Stage.setUp(app.phone, 0)
        // The process ends and begins again: the vault opens by the screen lock alone.
        app.phone.close()

        val commands = mutableListOf<ByteArray>()
        val first = tap(commands)
        assertEquals(first.toString(), "granted", first.getString("code"))
        assertFalse(first.getBoolean("fast"))
        told(1)
        assertTrue(decided[0].opened)
        assertEquals("granted", decided[0].reason)

        val second = tap()
        assertEquals("granted", second.getString("code"))
        assertTrue("the second tap goes the fast way", second.getBoolean("fast"))
        told(2)

        keyguard.setIsDeviceLocked(true)
        val locked = tap()
        assertEquals("phone_locked", locked.getString("code"))
        assertFalse(locked.getBoolean("opened"))
        assertArrayEquals(GateCard.LOCKED, nfc(commands[0]))
        assertArrayEquals("6985", byteArrayOf(0x69, 0x85.toByte()), GateCard.LOCKED)
        keyguard.setIsDeviceLocked(false)

        // A swipe is missing: the keyguard is still before the screen.
        keyguard.setKeyguardLocked(true)
        assertEquals("phone_locked", tap().getString("code"))
        keyguard.setKeyguardLocked(false)

        // The lock was taken away: nobody's phone opens no door.
        keyguard.setIsDeviceSecure(false)
        assertEquals("phone_locked", tap().getString("code"))
        keyguard.setIsDeviceSecure(true)
        assertEquals("granted", tap().getString("code"))
        told(3)

        val history = app.phone.opened().history().map { it.act }
        assertEquals(3, history.count { it is Act.Gate && it.opened })

        // The reader selects the application that the manifest's service answers to.
        val aid = "F04D4150414501".chunked(2).map { it.toInt(16).toByte() }.toByteArray()
        assertArrayEquals(aid, commands[0].copyOfRange(5, 5 + commands[0][4]))

        // What the Keystore was asked for: the gate's key for an open lock, the badge's for the person.
        val gate = PlayedKeystore.rules.filterKeys { it.startsWith("gate-") }.values.single()
        assertTrue(gate.isUnlockedDeviceRequired && !gate.isUserAuthenticationRequired)
        val holders = PlayedKeystore.rules.filterKeys { it.startsWith("holder-") }.values
        assertTrue(holders.isNotEmpty() && holders.all { it.isUnlockedDeviceRequired && it.isUserAuthenticationRequired })
    }

    @Test
    fun `a phone without a badge refuses and a field that goes away ends the tap`() {
        val nothing = tap()
        assertFalse(nothing.getBoolean("opened"))
        assertEquals("card_refused", nothing.getString("code"))
        Stage.setUp(app.phone, 1)
        // The reader is unplugged after SELECT: the card begins anew, and the next whole tap opens.
        val commands = mutableListOf<ByteArray>()
        assertEquals("granted", tap(commands).getString("code"))
        nfc(commands[0])
        service.get().onDeactivated(android.nfc.cardemulation.HostApduService.DEACTIVATION_LINK_LOSS)
        val outOfOrder = nfc(commands[1])
        assertArrayEquals("AUTH0 without SELECT is refused", byteArrayOf(0x69, 0x86.toByte()), outOfOrder)
        assertEquals("granted", tap().getString("code"))
        told(2)
    }

    @Test
    fun `the system wakes the service for our application only and not while the phone is locked`() {
        val file = java.io.File("src/main/res/xml/gate_service.xml")
        val service = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(file).documentElement
        assertEquals("true", service.getAttribute("android:requireDeviceUnlock"))
        val filters = service.getElementsByTagName("aid-filter")
        assertEquals(1, filters.length)
        assertEquals("F04D4150414501", filters.item(0).attributes.getNamedItem("android:name").nodeValue)
        val manifest = DocumentBuilderFactory.newInstance().newDocumentBuilder()
            .parse(java.io.File("src/main/AndroidManifest.xml")).documentElement
        val declared = manifest.getElementsByTagName("service").item(0).attributes
        assertEquals(GateService::class.java.name, declared.getNamedItem("android:name").nodeValue)
        assertEquals("android.permission.BIND_NFC_SERVICE", declared.getNamedItem("android:permission").nodeValue)
    }

    private companion object {
        // HostApduService.MSG_COMMAND_APDU and MSG_RESPONSE_APDU, which apps do not see.
        const val COMMAND_APDU = 0
        const val RESPONSE_APDU = 1
    }
}
