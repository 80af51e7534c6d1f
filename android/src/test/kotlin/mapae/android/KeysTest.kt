package mapae.android

import android.app.KeyguardManager
import android.content.Context
import android.content.Intent
import android.security.keystore.KeyProperties
import java.util.Locale
import mapae.wallet.HolderKeyUse
import mapae.wallet.SecurityLevel
import mapae.wallet.SignerException
import mapae.wallet.StorageException
import mapae.wallet.WalletException
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.shadows.ShadowSystemClock

/** Keys and storage of the shell, behind Android's own interfaces. */
@RunWith(RobolectricTestRunner::class)
class KeysTest {
    private val app get() = RuntimeEnvironment.getApplication() as MapaeApp
    private val keyguard get() = shadowOf(app.getSystemService(Context.KEYGUARD_SERVICE) as KeyguardManager)

    @Before
    fun begin() = PlayedKeystore.begin()

    private fun signer(hasStrongBox: Boolean) = KeystoreSigner(AndroidKeys(hasStrongBox)).also { it.createKey() }

    @Test
    fun `a signer without hardware is reported as such`() {
        val signer = signer(hasStrongBox = false)
        assertEquals(SecurityLevel.SOFTWARE, signer.securityLevel())
        assertFalse(signer.isAttested)
        keyguard.setIsDeviceSecure(true)
        val phone = PhoneWallet(app, AndroidKeys(hasStrongBox = false)) { true }
        phone.begun()
        val (security, attested) = phone.security()
        assertEquals(SecurityLevel.SOFTWARE, security.credentialKeys)
        Locale.setDefault(Locale.KOREA)
        assertTrue(Texts.key(SecurityLevel.SOFTWARE, attested).contains("하드웨어로 보호되지 않습니다"))
        phone.close()
    }

    @Test
    fun `a strongbox is used where there is one and the next best where it refuses`() {
        PlayedKeystore.level = KeyProperties.SECURITY_LEVEL_STRONGBOX
        PlayedKeystore.strongBox = true
        PlayedKeystore.attested = "strongbox"
        assertEquals(SecurityLevel.SECURE_ELEMENT, signer(hasStrongBox = true).securityLevel())
        assertTrue(signer(hasStrongBox = true).isAttested)
        assertTrue(PlayedKeystore.rules.getValue("device").isStrongBoxBacked)

        PlayedKeystore.strongBox = false
        PlayedKeystore.level = KeyProperties.SECURITY_LEVEL_TRUSTED_ENVIRONMENT
        val next = signer(hasStrongBox = true)
        assertEquals(SecurityLevel.TRUSTED_ENVIRONMENT, next.securityLevel())
        assertFalse(PlayedKeystore.rules.getValue("device").isStrongBoxBacked)
    }

    @Test
    fun `a chain that says software makes a claim of strongbox a software key`() {
        PlayedKeystore.level = KeyProperties.SECURITY_LEVEL_STRONGBOX
        PlayedKeystore.strongBox = true
        PlayedKeystore.attested = "software"
        val signer = signer(hasStrongBox = true)
        assertEquals(SecurityLevel.SOFTWARE, signer.securityLevel())
        assertTrue(signer.isAttested)
    }

    @Test
    fun `a key that is gone and a person who does not come are told apart`() {
        val keys = AndroidKeys(hasStrongBox = false)
        val signer = KeystoreSigner(keys)
        assertThrows(SignerException.Missing::class.java) { signer.sign(byteArrayOf(1)) }
        signer.createKey()
        assertTrue(signer.sign(byteArrayOf(1)).isNotEmpty())
        signer.deleteKey()
        assertThrows(SignerException.Missing::class.java) { signer.sign(byteArrayOf(1)) }
        assertEquals(SecurityLevel.UNKNOWN, signer.securityLevel())

        val holders = KeystoreHolderKeys(keys)
        val (badge, gate) = holders.createKey(HolderKeyUse.CREDENTIAL) to holders.createKey(HolderKeyUse.GATE)
        PlayedKeystore.personIsThere = false
        assertThrows(SignerException.Declined::class.java) { holders.sign(badge.name, byteArrayOf(1)) }
        assertTrue("a gate asks for nobody", holders.sign(gate.name, byteArrayOf(1)).isNotEmpty())
    }

    @Test
    fun `no wallet begins on a phone without a screen lock, and none in place of another`() {
        val open = PhoneWallet(app, AndroidKeys(hasStrongBox = false)) { false }
        val refused = assertThrows(WalletException.Refused::class.java) { open.begun() }
        assertEquals("no_screen_lock", refused.code)
        val phone = PhoneWallet(app, AndroidKeys(hasStrongBox = false)) { true }
        assertFalse(phone.isThere)
        assertEquals("no_wallet", assertThrows(WalletException.Refused::class.java) { phone.opened() }.code)
        phone.begun()
        assertEquals("wallet_there", assertThrows(WalletException.Refused::class.java) { phone.begun() }.code)
        phone.close()
        // The wrapping key is gone, as after the screen lock was removed: the vault stays shut.
        AndroidKeys(hasStrongBox = false).delete("vault")
        assertEquals("vault_key", assertThrows(WalletException.Refused::class.java) { phone.opened() }.code)
    }

    @Test
    fun `the vault is written whole or not at all`() {
        val folder = app.noBackupFilesDir
        val storage = FileStorage(folder)
        assertNull(storage.load())
        storage.save(byteArrayOf(1, 2, 3))
        storage.save(byteArrayOf(4, 5))
        assertArrayEquals(byteArrayOf(4, 5), storage.load())
        // A write that was cut off lies beside and is never read.
        java.io.File(folder, "vault.new").writeBytes(byteArrayOf(9))
        assertArrayEquals(byteArrayOf(4, 5), storage.load())
        val gone = FileStorage(java.io.File(folder, "nowhere"))
        assertThrows(StorageException::class.java) { gone.save(byteArrayOf(1)) }
    }

    @Test
    fun `the age of an open lock counts from the unlock, and from the phone's start where none was seen`() {
        keyguard.setIsDeviceSecure(true)
        keyguard.setIsDeviceLocked(false)
        keyguard.setKeyguardLocked(false)
        ShadowSystemClock.advanceBy(java.time.Duration.ofSeconds(3_600))
        val lock = KeyguardLock(app)
        assertTrue(lock.now().unlocked && lock.now().forSeconds >= 3_600u)
        app.sendBroadcast(Intent(Intent.ACTION_USER_PRESENT))
        shadowOf(android.os.Looper.getMainLooper()).idle()
        ShadowSystemClock.advanceBy(java.time.Duration.ofSeconds(12))
        assertEquals(12u, lock.now().forSeconds)
        keyguard.setIsDeviceLocked(true)
        assertFalse(lock.now().unlocked)
    }
}
